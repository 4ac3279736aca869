"""Masks as 0 and 1, where the release holds them with other values."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np

from etl.exchange.cases import Mask
from etl.exchange.target import Copy, put_in_place
from etl.measure.arrays import Array
from etl.measure.mask import find_foreground
from etl.model.profile import Profile
from etl.model.release import parse
from etl.model.store import write_atomically
from etl.read.nifti import Volume, read_volume
from etl.tables.own_masks import select_own_foreground
from etl.tables.unit import Blob


def put_label(source: Path, mask: Mask, target: Path, copy: Copy, profile: Profile) -> bool:
    """Put a mask in place, as 0 and 1; return whether it had to be written for that."""
    if mask.is_binary and source.name.endswith(target.suffix):
        put_in_place(source, target, copy)
        return False
    content = encode_label(source, select_foreground(read_volume(source), mask, profile))
    compressed = gzip.compress(content, mtime=0) if target.suffix == ".gz" else content
    write_atomically(target, lambda path: path.write_bytes(compressed))
    return True


def select_foreground(volume: Volume, mask: Mask, profile: Profile) -> Array:
    """Return the foreground of a mask as the table `masks` counts it, bool, shape (x, y, z)."""
    name = parse(mask.path, profile)
    if name.mask in profile.masks:
        return find_foreground(volume.voxels, *volume.header.scaling)[0]
    return select_own_foreground(volume, Blob(name, mask.md5, 0, mask.rule))


def encode_label(source: Path, bits: Array) -> bytes:
    """Return a NIfTI file with a mask's own geometry, and 0 and 1 as uint8."""
    import nibabel

    image: Any = nibabel.load(source)
    header = image.header.copy()
    header.set_data_dtype(np.uint8)
    header.set_data_shape(bits.shape)
    header.set_slope_inter(1, 0)
    header.extensions.clear()
    header["cal_max"] = header["cal_min"] = 0
    content: bytes = type(image)(bits.astype(np.uint8), None, header).to_bytes()
    return content
