"""The Dice coefficient of two versions of a mask, where both blobs are at hand."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from etl.build.manifest import hash_file
from etl.measure.agreement import measure_agreement
from etl.measure.grids import is_same_grid
from etl.measure.mask import crop
from etl.model.errors import BadInputError, UserError
from etl.model.project import release_path
from etl.read.nifti import Volume, read_volume
from etl.read.source import RemoteFile, Source
from etl.tables.own_masks import select_nonzero
from etl.versions import dvc
from etl.versions.objects import find_indexed_size


@dataclass(frozen=True, slots=True)
class Overlap:
    """Dice of two masks, or why there is none."""

    dice: float | None
    reason: str | None = None


def find_blob(root: Path, md5: str, path: str) -> Source | None:
    """Return the file with this MD5, in the DVC cache or the release; nothing is fetched."""
    cached = dvc.find_blob_file(root, md5)
    if cached:
        return cached
    release = release_path(root)
    if not isinstance(release, Path):
        size = find_indexed_size(root, release, path, md5)
        return None if size is None else RemoteFile(release, path, md5, size)
    file = release / path
    return file if file.is_file() and hash_file(file) == md5 else None


def measure_overlap(old: Source | None, new: Source | None) -> Overlap:
    """Measure Dice, 2 |A and B| / (|A| + |B|), of the foregrounds of two blobs on one grid."""
    missing = [side for side, path in (("old", old), ("new", new)) if path is None]
    if old is None or new is None:
        return Overlap(None, f"the {' and the '.join(missing)} blob is not at hand")
    try:
        return measure_volumes(read_volume(old), read_volume(new))
    except (BadInputError, UserError) as error:  # of a release elsewhere, what is gone
        return Overlap(None, f"a blob cannot be read ({error})")


def measure_volumes(old: Volume, new: Volume) -> Overlap:
    """Measure Dice of two masks that were read."""
    if not is_same_grid(old.header.grid, new.header.grid):
        return Overlap(None, "the masks lie on different grids")
    (before, values), (after, values_after) = select_nonzero(old), select_nonzero(new)
    if values is None or values_after is None:  # a user's own: its rule is not in the file
        return Overlap(None, "a mask holds more than 16 values")
    a, b = crop(before), crop(after)
    if a is None and b is None:
        return Overlap(None, "both masks are empty")
    agreement = measure_agreement(a, b, old.header.affine, max_surface=0)
    return Overlap(agreement.dice if agreement else 0.0)
