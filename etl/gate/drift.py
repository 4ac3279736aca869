"""What the masks of today are held against: the volumes at the last tag.

The reference is the last tag, not newer than HEAD, whose table of masks can be read and is not
today's: a version is judged against the one before it, whether or not it has a tag of its own by
now. So the gate says the same before and after `git tag`, and needs no dependency on tags in DVC:
a new tag does not make it run, and it would find nothing new.

A clone may lack the tags. The reference that was used is therefore written into reports/gate.json,
which is under git, and serves where no tag can be read: the same tables, the same verdict.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import duckdb

from etl.model.digests import compute_md5
from etl.model.errors import UserError
from etl.model.profile import Profile
from etl.model.project import TABLES
from etl.model.store import read_footer, table_path
from etl.versions import git, revision_tables
from etl.warehouse.sql_words import scan_parquet

MASKS = "masks"
NO_TAG = "no earlier tag has a table of masks to compare with"
QUANTILES = ("p10", "median", "p90")
_VOLUMES = """
select
    mask,
    quantile_cont(volume_cm3, 0.1) as p10,
    median(volume_cm3) as median,
    quantile_cont(volume_cm3, 0.9) as p90
from {masks} where voxel_count > 0 group by mask order by mask
"""


@dataclass(frozen=True, slots=True)
class Reference:
    """Quantiles of the volumes of non-empty masks at a tag: mask set -> p10, median, p90, cm3."""

    tag: str
    dataset: str
    masks_md5: str
    volumes: Mapping[str, Mapping[str, float]]

    def as_json(self) -> dict[str, Any]:
        """Return what reports/gate.json holds of it."""
        return asdict(self)


def read_reference(recorded: object) -> Reference | None:
    """Return the reference that reports/gate.json holds, None where it holds none."""
    try:
        return Reference(**recorded) if isinstance(recorded, dict) else None
    except TypeError:  # of another version of the program
        return None


def find_reference(root: Path, recorded: Reference | None = None) -> Reference | None:
    """Return the masks at the last tag that has others than today's, None without such a tag.

    Args:
        root: the project, with a table of masks.
        recorded: what the last run of the gate used; it saves the look into the tag's table, and
            serves where no tag can be read.
    """
    path = table_path(root / TABLES, MASKS)
    if not path.is_file():
        return None
    today = compute_md5(path)
    for tag, md5 in _list_tags(root):
        if md5 == today:
            continue
        if recorded and recorded.masks_md5 == md5:
            return Reference(tag, recorded.dataset, md5, recorded.volumes)
        reference = _read(root, tag, md5)
        if reference:
            return reference
    return recorded if recorded and recorded.masks_md5 != today else None


def _list_tags(root: Path) -> Iterator[tuple[str, str]]:
    """Yield each tag and the MD5 of its table of masks, the last first; in some clones none."""
    try:
        head = git.resolve(root, "HEAD")
        tags = [tag for tag in git.list_tags(root) if tag.committed <= head.committed]
    except UserError:
        return
    for tag in reversed(tags):
        md5 = _find_masks_at(root, tag)
        if md5:
            yield tag.name, md5


def _find_masks_at(root: Path, tag: git.Revision) -> str | None:
    try:
        return revision_tables.list_tables_at(root, tag).get(MASKS)
    except UserError:  # nothing was built at this tag
        return None


def _read(root: Path, tag: str, md5: str) -> Reference | None:
    """Return the volumes at a tag; None where its table is nowhere or has another form."""
    try:
        path = revision_tables.find_table_file(root, tag, MASKS)
        dataset = str(read_footer(path)["dataset"])
        with duckdb.connect() as connection:
            rows = connection.execute(_VOLUMES.format(masks=scan_parquet(path))).fetchall()
    except (UserError, KeyError, duckdb.Error):
        return None
    volumes = {mask: dict(zip(QUANTILES, values, strict=True)) for mask, *values in rows}
    return Reference(tag, dataset, md5, volumes)


def explain_not_judged(reference: Reference | None, profile: Profile) -> str | None:
    """Return why there is nothing to compare today's masks with; None where there is."""
    if reference is None:
        return NO_TAG
    if reference.dataset != profile.dataset:
        return f"{reference.tag} holds another data set ({reference.dataset})"
    if not reference.volumes.keys() & profile.masks.keys():
        return f"{reference.tag} holds no mask of a declared set"
    return None
