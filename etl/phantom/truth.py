"""The truth about a phantom: one long table, written in one order.

Volumes, centroids and curves come from the model; voxel counts from the implicit function at
voxel centres. Nothing here reads a file of the release.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from etl.phantom import features, shapes
from etl.phantom.grids import Grid, Plan
from etl.phantom.images import Native, Standard
from etl.phantom.shapes import Patch, Solid
from etl.phantom.tissues import Tissues

Row = tuple[str, str, str, float]  # case_id, subject, quantity, value

_PE_MIN_PERCENT = 70.0


@dataclass(frozen=True, slots=True)
class Reading:
    """One mask: its solid, the grid of its file and the foreground on that grid."""

    name: str
    solid: Solid
    grid: Grid
    parts: list[Patch]


def of_case(plan: Plan, model: Tissues, standard: Standard, phases: list[Native]) -> list[Row]:
    """Rows on side, grids, scaling and tissues."""
    facts: dict[str, dict[str, float]] = {
        "case": {"laterality": 2 if plan.is_right else 1},
        "zscored": {
            **_grid(plan.fine),
            "mean": standard.mean,
            "sd": standard.sd,
            "zero_level": standard.zero_level,
        },
    }
    for phase, native in enumerate(phases):
        facts[f"n3_{phase}"] = {
            **_grid(plan.native),
            "is_stretched": plan.is_stretched,
            "gain": native.gain,
            "stretch_factor": native.factor,
            "stored_max": native.highest,
        }
    for name, curve in model.curves.items():
        facts[f"tissue:{name}"] = {f"s{phase}": value for phase, value in enumerate(curve)}
    return _rows(plan.case_id, facts)


def of_mask(plan: Plan, reading: Reading) -> list[Row]:
    """Rows on one mask: counts on its grid, analytic volume and centroid."""
    volume, centre = shapes.measure_solid(reading.solid)
    r, a, s = reading.grid.world(centre)
    counts = [part.count for part in reading.parts]
    facts = {
        "voxel_count": sum(counts),
        "largest_component_voxel_count": max(counts),
        "n_components": len(reading.solid),
        "voxel_volume_mm3": reading.grid.voxel_volume,
        "analytic_volume_mm3": volume,
        "centroid_r_mm": r,
        "centroid_a_mm": a,
        "centroid_s_mm": s,
        "touches_border": 0,
    }
    return _rows(plan.case_id, {reading.name: facts})


def of_expert(plan: Plan, native: list[Patch], n_ftv_outside: int) -> list[Row]:
    """Rows on the expert's solid on the native grid, where the published features come from."""
    counts = [part.count for part in native]
    expert: dict[str, float] = {
        "native_voxel_count": sum(counts),
        "native_largest_component_voxel_count": counts[0],
    }
    outside: dict[str, float] = {"n_voxels_outside_stv_manual": n_ftv_outside}
    return _rows(plan.case_id, {"stv_manual": expert, "ftv": outside})


def of_kinetics(plan: Plan, name: str, signals: list[NDArray[np.float32]]) -> list[Row]:
    """Rows on noise-free enhancement over a mask's 1 mm voxels that have signal before contrast.

    Args:
        plan: the case.
        name: the mask.
        signals: signals of its voxels in the three phases.
    """
    has_signal = signals[0] > 0
    s0, s1, s2 = (phase[has_signal].astype(np.float64) for phase in signals)
    pe = 100 * (s1 - s0) / s0
    is_enhancing = pe >= _PE_MIN_PERCENT
    is_counted = is_enhancing & (s2 > s0)
    facts = {"pe_median_percent": float(np.median(pe)), "n_enhancing": int(is_enhancing.sum())}
    if is_counted.any():
        ratio = (s1[is_counted] - s0[is_counted]) / (s2[is_counted] - s0[is_counted])
        facts["ser_median"] = float(np.median(ratio))
    return _rows(plan.case_id, {name: facts})


def of_features() -> list[Row]:
    """Rows that say which features are drawn, not computed; they belong to no case."""
    return [
        ("", f"feature:{name}", "is_synthetic", float(features.is_synthetic(name)))
        for name in features.NAMES
    ]


def write(path: Path, rows: list[Row]) -> None:
    """Write the rows, sorted; the same rows give the same bytes."""
    case_id, subject, quantity, value = (list(column) for column in zip(*sorted(rows), strict=True))
    schema = pa.schema(
        [
            pa.field("case_id", pa.string(), nullable=False),
            pa.field("subject", pa.string(), nullable=False),
            pa.field("quantity", pa.string(), nullable=False),
            pa.field("value", pa.float64(), nullable=False),
        ]
    )
    columns = [pa.array(c) for c in (case_id, subject, quantity)]
    columns.append(pa.array(value, pa.float64()))
    partial = path.with_name(f".{path.name}.partial")
    pq.write_table(pa.table(columns, schema=schema), partial, compression="zstd")
    partial.replace(path)


def _grid(grid: Grid) -> dict[str, float]:
    sizes = {f"size_{axis}": n for axis, n in zip("xyz", grid.size, strict=True)}
    spacings = {f"spacing_{axis}_mm": s for axis, s in zip("xyz", grid.spacing, strict=True)}
    return {**sizes, **spacings}


def _rows(case_id: str, facts: dict[str, dict[str, float]]) -> list[Row]:
    return [
        (case_id, subject, quantity, float(value))
        for subject, found in facts.items()
        for quantity, value in found.items()
    ]
