"""The masks of one case, one volume in memory at a time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from etl.measure.arrays import Array
from etl.measure.carry import carry
from etl.measure.grids import is_same_grid
from etl.measure.mask import find_foreground
from etl.model.findings import Finding
from etl.read.nifti import Header
from etl.tables.own_masks import read_two_values
from etl.tables.unit import Context, Unit
from etl.tables.volumes import open_volumes


@dataclass(frozen=True, slots=True)
class Mask:
    """A mask's foreground on its own grid."""

    bits: Array
    header: Header


def list_masks(unit: Unit) -> list[str]:
    """Return the masks that a case has, by name."""
    return sorted(blob.name.mask for blob in unit if blob.name.mask is not None)


def read_masks(
    table: str, names: Iterable[str], unit: Unit, context: Context
) -> tuple[dict[str, Mask], list[Finding]]:
    """Return the masks that can be read, and a finding of `table` for each that cannot."""
    masks: dict[str, Mask] = {}
    findings: list[Finding] = []
    for name in names:
        volumes, refused = open_volumes(table, unit, context, [f"mask_{name}"], read_two_values)
        findings += refused
        for volume in volumes.values():
            bits, _ = find_foreground(volume.voxels, *volume.header.scaling)
            masks[name] = Mask(bits, volume.header)
        del volumes  # before the next one is read
    return masks, findings


def carry_to_grid(mask: Mask, header: Header) -> Array:
    """Return a mask on a grid: as it is where that is its own, else carried there."""
    if is_same_grid(mask.header.grid, header.grid):
        return mask.bits
    return carry(mask.bits, mask.header.affine, header.affine, header.size)
