"""Remember the masks that the published features come from, as each first came.

A features workbook says nothing about the mask behind it. So the first file that came is kept on
record in data/adopted.csv, under git beside release.dvc: whoever takes a version of the release
takes its record, too. A mask that is revised later never replaces it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from etl.model.digests import compute_md5
from etl.model.errors import BadInputError
from etl.model.git_tables import ADOPTED, CSV_FILES, Rows, format_csv, read_csv_input
from etl.model.profile import Profile
from etl.model.release import Name, parse
from etl.model.store import write_text

RECORD = CSV_FILES[ADOPTED.name]


def record_first(root: Path, release: Path, targets: Iterable[str], profile: Profile) -> int:
    """Record the expert's masks among the files of the release that have no record yet.

    Args:
        root: the project.
        release: its release.
        targets: paths inside the release.
        profile: what a path means.

    Returns:
        How many were recorded. A mask that cannot be read is none: it may come again whole.

    Raises:
        UserError: data/adopted.csv is damaged, or the disk refuses.
    """
    recorded = read_csv_input(ADOPTED, root / RECORD)
    has_record = {(line[0], line[1]) for line in recorded}
    names = [parse(target, profile) for target in targets]
    expert = profile.sets.get("expert")
    masks = [name for name in names if name.mask and name.mask == expert]
    lines = [_make_row(release, m) for m in masks if (m.case_id, m.mask) not in has_record]
    new_rows: Rows = tuple(line for line in lines if line is not None)
    if new_rows:
        text = format_csv(ADOPTED, tuple(sorted((*recorded, *new_rows), key=str)))
        write_text(root / RECORD, text)
    return len(new_rows)


def _make_row(release: Path, name: Name) -> tuple[str | int | None, ...] | None:
    # Loaded by those who bring a mask for the first time, not by every adoption.
    from etl.measure.mask import digest_voxels, find_foreground
    from etl.read.nifti import read_volume

    path = release / name.path
    try:
        volume = read_volume(path)
    except BadInputError:
        return None
    # What DVC calls the hash of a file is its MD5.
    md5 = compute_md5(path)
    bits, _ = find_foreground(volume.voxels, *volume.header.scaling)
    content = volume.content_crc32, volume.header.content_bytes
    return (name.case_id, name.mask, name.path, md5, *content, digest_voxels(bits))
