"""The tables `voxels`, one file per case, and `voxel_files`, one row per such file."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from etl.measure.arrays import Array
from etl.measure.border import measure_border_distance
from etl.measure.grids import invert, is_same_grid
from etl.measure.mask import Foreground, crop, place
from etl.model.errors import UserError
from etl.model.findings import Finding
from etl.model.profile import Profile
from etl.model.release import Name, name_role
from etl.model.schema import CASE_ID, INPUTS_MD5, Column, Table, TableSchema, parse_columns
from etl.read.nifti import Header, Volume
from etl.tables.case_masks import Mask, carry_to_grid, list_masks, read_masks
from etl.tables.kinetics_signals import PHASES
from etl.tables.limits import REGION, SURFACE, count_surface, read_limit, report_above_limit
from etl.tables.unit import Context, Measured, Row, Unit
from etl.tables.volumes import open_volumes

MARGIN = "voxels.margin_mm"
VOXELS = "voxels"
MAX_MM = 50

TABLE = Table(
    name="voxel_files",
    grain="One row per case with rows in voxels: the file that holds them",
    key=("case_id",),
    columns=(
        CASE_ID,
        *parse_columns("""
        n_voxels int64 [voxels] Rows of the case in voxels
        part_bytes int64 [bytes] Size of the case's file
        part_md5 string MD5 of the case's file: also its DVC hash
        size_x int64 [voxels] Number of voxels along array axis 0 of the grid that i, j, k count on
        size_y int64 [voxels] Number of voxels along array axis 1
        size_z int64 [voxels] Number of voxels along array axis 2
        voxel_volume_mm3 double [mm3] Absolute determinant of the affine
        affine list<double> Voxel index i, j, k to RAS+ world in mm, 4x4, row-major
        image_blob_md5s list<string> MD5s of the z-scored images, by phase
        mask_blob_md5s list<string> MD5s of the masks, by name
        """),
        INPUTS_MD5,
    ),
    per="case",
    reads=("image_", "mask"),
    references={"case_id": "cases"},
    params=(MARGIN, REGION, SURFACE),
    adds=("case_id", "inputs_md5"),
    sources={
        **{f"z{phase}": (f"image_{{normalized}}_{phase}", "sampled") for phase in PHASES},
        "distance_mm": ("mask_{expert}", "its border"),
    },
    parts=VOXELS,
)
_COLUMNS = parse_columns("""
i int32 Voxel index along array axis 0, from 0
j int32 Voxel index along array axis 1
k int32 Voxel index along array axis 2
""")
_BEHIND = parse_columns("""
n_masks int32 [masks] How many of these masks hold the voxel; 0 where it is only near
distance_mm double? [mm] Distance of the voxel's centre to that of the nearest voxel across the
    border of the expert's mask: outside to its nearest foreground voxel, inside, negative, to the
    nearest background voxel of the grid; null where that mask is missing, empty or too noisy (its
    exact Euclidean distance transform: Maurer et al., IEEE PAMI 25(2):265-270, 2003)
""")


def describe_part(mask_sets: Iterable[str]) -> TableSchema:
    """Return the schema of `voxels`: a column per phase and per mask set of the release."""
    phases = (
        Column(f"z{phase}", "float", f"Scaled intensity of phase {phase} of the z-scored images; "
               "null where that image is missing, unreadable, on another grid or not finite",
               nullable=True)
        for phase in PHASES
    )  # fmt: skip
    masks = (
        Column(f"in_{name}", "bool", f"Whether the voxel lies in mask {name}, carried to this grid "
               "where it lies on another one (nearest voxel by world coordinates); null where the "
               "case lacks that mask, or it cannot be read", nullable=True)
        for name in mask_sets
    )  # fmt: skip
    return TableSchema(
        name=VOXELS,
        grain="One row per voxel of a case's 1 mm grid in a mask or near the expert's",
        key=("case_id", "i", "j", "k"),
        columns=(CASE_ID, *_COLUMNS, *phases, *masks, *_BEHIND),
    )


def wants(name: Name, params: Mapping[str, Any], profile: Profile) -> bool:  # noqa: ARG001  as all
    """Return whether a file is read: every mask, and the images on the 1 mm grid."""
    return name.image_set in {None, profile.sets.get("normalized")}


def measure(unit: Unit, context: Context) -> Measured:
    """Return the voxels in and near the masks of a case; one image in memory at a time."""
    if context.param(MARGIN) is False:
        return Measured()
    masks, findings = read_masks(TABLE.name, list_masks(unit), unit, context)
    area: _Area | None = None
    signals: dict[str, Array] = {}
    for phase in PHASES:
        role = f"image_{context.profile.sets.get('normalized')}_{phase}"
        volumes, refused = open_volumes(TABLE.name, unit, context, [role])
        findings += refused
        if role in volumes:
            area = area or _choose_voxels(masks, volumes[role].header, context)
            if is_same_grid(area.header.grid, volumes[role].header.grid):
                signals[f"z{phase}"] = _sample(volumes[role], area.positions)
        del volumes  # before the next one is read
    header = _find_grid_of_masks(masks, context.profile)
    if area is None and header is not None:
        area = _choose_voxels(masks, header, context)
    if area is None:
        return Measured([], findings)
    findings += area.findings
    if not area.positions.size:
        return Measured([], findings)
    return Measured([_describe_grid(unit, area)], findings, _make_part(area, signals, context))


@dataclass(frozen=True, slots=True)
class _Area:
    """The voxels of a case that are rows: `positions` in Fortran order of the grid, ascending.

    `distance`: of the expert's border, None without one. `inside`: mask -> which of them it holds.
    """

    header: Header
    positions: Array
    distance: Array | None
    inside: Mapping[str, Array]
    findings: Sequence[Finding]


def _find_grid_of_masks(masks: Mapping[str, Mask], profile: Profile) -> Header | None:
    """Return the grid of a case without images: of its expert's mask, or another one of 1 mm."""
    of_1mm = [name for name, declared in profile.masks.items() if declared.grid == "1mm"]
    of_1mm.sort(key=lambda name: name != profile.sets.get("expert"))
    return next((masks[name].header for name in of_1mm if name in masks), None)


def _choose_voxels(masks: Mapping[str, Mask], header: Header, context: Context) -> _Area:
    """Return the voxels in any mask, and near the expert's; none where there are too many."""
    margin, limit = _read_margin(context), read_limit(context, REGION)
    foregrounds = {name: _crop(carry_to_grid(mask, header)) for name, mask in masks.items()}
    counts = {name: f.voxel_count for name, f in foregrounds.items() if f}
    findings = [report_above_limit(TABLE.name, f"mask_{name}", REGION, n, "its voxels are")
                for name, n in counts.items() if n > limit]  # fmt: skip
    if findings or not counts:
        return _Area(header, np.empty(0, np.intp), None, {}, findings)
    box = _find_box([f for f in foregrounds.values() if f], header, margin)
    bits = {name: place(foreground, box) for name, foreground in foregrounds.items()}
    chosen = functools.reduce(np.logical_or, bits.values())
    positions, distance = np.flatnonzero(chosen.ravel(order="F")), None
    expert = context.profile.sets.get("expert", "")
    foreground = foregrounds.get(expert)
    n_surface = count_surface(foreground) if foreground else 0
    if n_surface > read_limit(context, SURFACE):
        role = f"mask_{expert}"
        findings = [report_above_limit(TABLE.name, role, SURFACE, n_surface, "distances are")]
    elif foreground:
        positions, distance = measure_border_distance(bits[expert], header.affine, margin, chosen)
    inside = {name: mask.ravel(order="F")[positions] for name, mask in bits.items()}
    index = np.unravel_index(positions, chosen.shape, order="F")
    moved = tuple(axis + part.start for axis, part in zip(index, box, strict=True))
    positions = np.ravel_multi_index(moved, header.size, order="F")
    return _Area(header, positions, distance, inside, findings)


def _crop(bits: Array) -> Foreground | None:
    """Return the foreground in its box; the grid, of 35 MB, is not kept for it."""
    foreground = crop(bits)
    return foreground and replace(foreground, inside=foreground.inside.copy(order="F"))


def _find_box(
    foregrounds: Sequence[Foreground], header: Header, margin_mm: float
) -> tuple[slice, ...]:
    """Return the part of the grid that holds the masks, and what is within the margin of them."""
    boxes = np.array([foreground.box for foreground in foregrounds])
    reach = [math.hypot(*row) * margin_mm for row in invert(header.affine)[:3, :3].tolist()]
    grown = np.ceil(reach).astype(int) + 1  # so that a border has a voxel on its other side
    low = np.maximum(boxes[:, 0].min(axis=0) - grown, 0)
    high = np.minimum(boxes[:, 1].max(axis=0) + grown + 1, header.size)
    return tuple(map(slice, low.tolist(), high.tolist()))


def _read_margin(context: Context) -> float:
    """Return the margin around the expert's mask, mm.

    Raises:
        UserError: it is no number from 0 on.
    """
    margin = context.param(MARGIN) or 0
    if isinstance(margin, bool) or not isinstance(margin, int | float) or not 0 <= margin <= MAX_MM:
        message = (
            f"params.yaml: {MARGIN} is {margin!r}. Give the mm around the expert's mask, from 0 to "
            f"{MAX_MM}, or false for no table voxels."
        )
        raise UserError(message)
    return float(margin)


def _sample(volume: Volume, positions: Array) -> pa.Array:
    """Return scaled values of some voxels as float32; null where one is not finite."""
    slope, inter = volume.header.scaling
    with np.errstate(over="ignore"):
        values = volume.voxels.ravel(order="F")[positions].astype(np.float64) * slope + inter
        sampled = values.astype(np.float32)
    return pa.array(sampled, mask=~np.isfinite(sampled))


def _describe_grid(unit: Unit, area: _Area) -> Row:
    by_role = sorted(unit, key=lambda blob: name_role(blob.name))
    size = zip(("size_x", "size_y", "size_z"), area.header.size, strict=True)
    return {
        "n_voxels": area.positions.size,
        **dict(size),
        "voxel_volume_mm3": area.header.voxel_volume_mm3,
        "affine": area.header.affine.ravel().tolist(),
        "image_blob_md5s": [blob.md5 for blob in by_role if blob.name.mask is None],
        "mask_blob_md5s": [blob.md5 for blob in by_role if blob.name.mask is not None],
    }


def _make_part(area: _Area, signals: Mapping[str, pa.Array], context: Context) -> pa.Table:
    """Return the rows of a case, sorted by i, j, k; describe_part() says what the columns mean."""
    index = np.stack(np.unravel_index(area.positions, area.header.size, order="F"))
    order = np.lexsort(index[::-1])
    empty = pa.nulls(area.positions.size)
    columns = {name: pa.array(values[order], pa.int32())
               for name, values in zip("ijk", index, strict=True)}  # fmt: skip
    for phase in PHASES:
        values = signals.get(f"z{phase}", empty)
        columns[f"z{phase}"] = values.take(order).cast(pa.float32())
    for name in context.mask_sets:
        inside = area.inside.get(name)
        columns[f"in_{name}"] = empty.cast(pa.bool_()) if inside is None else inside[order]
    n_masks = np.zeros(area.positions.size, np.int32)
    for inside in area.inside.values():
        n_masks += inside
    columns["n_masks"] = n_masks[order]
    distance = empty if area.distance is None else pa.array(area.distance[order])
    return pa.table({**columns, "distance_mm": distance.cast(pa.float64())})
