"""The Dice coefficient of two versions of a mask, where both blobs are at hand."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from etl.measure.agreement import measure_agreement
from etl.measure.grids import is_same_grid
from etl.measure.mask import crop
from etl.model.errors import BadInputError
from etl.model.project import release_path
from etl.read.nifti import Volume, read_volume
from etl.tables.own_masks import select_nonzero
from etl.versions import dvc


@dataclass(frozen=True, slots=True)
class Overlap:
    """Dice of two masks, or why there is none."""

    dice: float | None
    reason: str | None = None


def blob_at_hand(root: Path, md5: str, path: str) -> Path | None:
    """The file with this MD5: in the DVC cache, or in the release where its bytes are the same.

    Nothing is fetched.
    """
    cached = dvc.find_blob_file(root, md5)
    if cached:
        return cached
    there = release_path(root) / path
    return there if there.is_file() and _md5(there) == md5 else None


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def overlap(old: Path | None, new: Path | None) -> Overlap:
    """Dice = 2 |A and B| / (|A| + |B|) over the foregrounds of two blobs on the same grid."""
    missing = [side for side, path in (("old", old), ("new", new)) if path is None]
    if old is None or new is None:
        return Overlap(None, f"the {' and the '.join(missing)} blob is not at hand")
    try:
        return _overlap(read_volume(old), read_volume(new))
    except BadInputError as error:
        return Overlap(None, f"a blob cannot be read ({error})")


def _overlap(old: Volume, new: Volume) -> Overlap:
    if not is_same_grid(old.header.grid, new.header.grid):
        return Overlap(None, "the masks lie on different grids")
    (before, values), (after, others) = select_nonzero(old), select_nonzero(new)
    if values is None or others is None:  # a user's own: its rule is not in the file
        return Overlap(None, "a mask holds more than 16 values")
    a, b = crop(before), crop(after)
    if a is None and b is None:
        return Overlap(None, "both masks are empty")
    agreement = measure_agreement(a, b, old.header.affine, max_surface=0)
    return Overlap(agreement.dice if agreement else 0.0)
