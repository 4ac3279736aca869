"""NIfTI files with the headers of the real release, gzip bytes that never change.

Headers are set field by field and taken as bytes: a NIfTI writer would repair just the traps
that the phantom is there to keep (slope 0, leftovers in pixdim, units 10, absent sform).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

from etl.phantom.grids import Grid

# Levels at which the files are about as large as the real ones.
_IMAGE_LEVEL, _MASK_LEVEL = 2, 3
_GZIP_WINDOW = 31
_SCANNER = 1
_ECODE_COMMENT = 6
_EXTENSION_BYTES = 2320  # the N3 files' data begin at 348 + 4 + 2320 = 2672
_NOTE = b"Synthetic phantom. The header extension stands in for the one of the real N3 files."


@dataclass(frozen=True, slots=True)
class Kind:
    """What the header of one kind of file looks like."""

    dtype: str
    sform_code: int
    slope: float
    units: int = 2
    extension: bytes = b""
    leftovers: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0)
    level: int = _MASK_LEVEL
    foreground: int = 1  # of a mask, as stored


N3 = Kind("<i2", _SCANNER, 0.0, extension=_NOTE, level=_IMAGE_LEVEL)
ZSCORED = Kind("<f4", 0, 1.0, level=_IMAGE_LEVEL)
MASKS = {
    "stv_manual": Kind("<f4", 0, 1.0),
    "stv_resunet": Kind("<f4", _SCANNER, 1.0),
    # Level 0: bytes of 0 and 255 shrink so well that any other gives less than the real 19 KB.
    "ftv": Kind("u1", _SCANNER, 0.003921568859368563, 10, leftovers=(1.0, 0.0, 0.0, 0.0), level=0,
                foreground=255),
}  # fmt: skip


def write(path: Path, kind: Kind, grid: Grid, planes: Iterable[NDArray[np.generic]]) -> str:
    """Write a `.nii.gz` from runs of planes (z, y, x arrays); gives the MD5 of the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.md5(usedforsecurity=False)
    squeeze = isal_zlib.compressobj(kind.level, isal_zlib.DEFLATED, _GZIP_WINDOW)
    with path.open("wb") as file:

        def put(data: bytes) -> None:
            digest.update(data)
            file.write(data)

        put(squeeze.compress(make_header(kind, grid)))
        for run in planes:
            put(squeeze.compress(np.ascontiguousarray(run, kind.dtype).data.cast("B")))
        put(squeeze.flush())
    return digest.hexdigest()


def make_header(kind: Kind, grid: Grid) -> bytes:
    """Return header and extension of a file, up to its first voxel."""
    make: Any = nib.Nifti1Header  # not typed
    header = make(endianness="<")
    header.set_data_dtype(np.dtype(kind.dtype))
    for name, value in _list_fields(kind, grid).items():
        header[name] = value
    return bytes(header.binaryblock) + _make_extension(kind.extension)


def _list_fields(kind: Kind, grid: Grid) -> dict[str, Any]:
    """Return the fields; axes to posterior, superior, right by the real files' exact quaternion."""
    (x, y, z), (r, a, s) = grid.spacing, grid.origin
    sform = {"srow_x": (0, 0, z, r), "srow_y": (-x, 0, 0, a), "srow_z": (0, y, 0, s)}
    return {
        "dim": (3, *grid.size, 1, 1, 1, 1),
        "pixdim": (-1.0, *grid.spacing, *kind.leftovers),
        "vox_offset": 352 + (_EXTENSION_BYTES if kind.extension else 0),
        "scl_slope": kind.slope, "scl_inter": 0.0,
        "xyzt_units": kind.units,
        "qform_code": _SCANNER, "sform_code": kind.sform_code,
        "quatern_b": 0.5, "quatern_c": -0.5, "quatern_d": -0.5,
        "qoffset_x": r, "qoffset_y": a, "qoffset_z": s,
        **(sform if kind.sform_code else {}),
    }  # fmt: skip


def _make_extension(note: bytes) -> bytes:
    if not note:
        return b"\0\0\0\0"
    head = np.array([_EXTENSION_BYTES, _ECODE_COMMENT], "<i4").tobytes()
    return b"\1\0\0\0" + head + note.ljust(_EXTENSION_BYTES - len(head), b"\0")
