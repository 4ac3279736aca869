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

from etl.model.feature_names import NAMES
from etl.phantom import features, images, radiomics, shapes
from etl.phantom.grids import Grid, Plan
from etl.phantom.images import Native, Standard
from etl.phantom.shapes import Patch, Solid
from etl.phantom.tissues import Tissues

Row = tuple[str, str, str, float]  # case_id, subject, quantity, value

_PE_MIN_PERCENT = 70.0
_PE_LEAST_PERCENT = (70, 90, 100, 140)
_FLAT = (0.9, 1.1)  # SER of a plateau


@dataclass(frozen=True, slots=True)
class Reading:
    """One mask: its solid, the grid of its file and the foreground on that grid."""

    name: str
    solid: Solid
    grid: Grid
    parts: list[Patch]


def describe_case(
    plan: Plan, model: Tissues, standard: Standard, phases: list[Native]
) -> list[Row]:
    """Return rows on side, grids, scaling and tissues."""
    facts: dict[str, dict[str, float]] = {
        "case": {"laterality": 2 if plan.is_right else 1},
        "zscored": {
            **_describe_grid(plan.fine),
            "mean": standard.mean,
            "sd": standard.sd,
            "zero_level": standard.zero_level,
        },
    }
    for phase, native in enumerate(phases):
        facts[f"n3_{phase}"] = {
            **_describe_grid(plan.native),
            "is_stretched": plan.is_stretched,
            "gain": native.gain,
            "stretch_factor": native.factor,
            "slope": images.COUNTS_PER_UNIT / (native.gain * native.factor * standard.sd),
            "intercept": standard.zero_level,
            "stored_max": native.highest,
        }
    for name, curve in model.curves.items():
        facts[f"tissue:{name}"] = {f"s{phase}": value for phase, value in enumerate(curve)}
    return _make_rows(plan.case_id, facts)


def describe_mask(plan: Plan, reading: Reading) -> list[Row]:
    """Return rows on one mask: counts on its grid, analytic volume and centroid."""
    volume, centre = shapes.measure_solid(reading.solid)
    r, a, s = reading.grid.to_world(centre)
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
    return _make_rows(plan.case_id, {reading.name: facts})


def describe_expert(plan: Plan, region: radiomics.Mask, n_ftv_outside: int) -> list[Row]:
    """Return rows on the expert's mask on the native grid: the features' origin."""
    n_largest = int(np.count_nonzero(radiomics.find_largest(region)))
    facts: dict[str, dict[str, float]] = {
        "stv_manual": {
            "native_voxel_count": int(np.count_nonzero(region)),
            "native_largest_component_voxel_count": n_largest,
        },
        "ftv": {"n_voxels_outside_stv_manual": n_ftv_outside},
    }
    return _make_rows(plan.case_id, facts)


def describe_kinetics(
    plan: Plan, name: str, signals: list[NDArray[np.float32]], grid: Grid
) -> list[Row]:
    """Return rows on noise-free enhancement in a mask; `native_` before those off 1 mm.

    Args:
        plan: the case.
        name: the mask.
        signals: signals of its voxels in the three phases.
        grid: the grid of these voxels; FTV is carried to 1 mm, the others to the native grid.
    """
    s0, s1, s2 = (phase.astype(np.float64) for phase in signals)
    has_signal = s0 > 0
    pe = 100 * (s1 / np.where(has_signal, s0, np.nan) - 1)
    rises = pe >= _PE_MIN_PERCENT
    ser = (s1 - s0)[rises & (s2 > s0)] / (s2 - s0)[rises & (s2 > s0)]
    facts = {
        "n_voxels": s0.size,
        "n_excluded_low_s0": int((~has_signal).sum()),
        "n_excluded_no_enhancement": int((pe < _PE_MIN_PERCENT).sum()),
        "n_enhancing": int(rises.sum()),
        "n_below_baseline": int(rises.sum()) - ser.size,
        **_compute_quartiles("pe_{}_percent", pe[has_signal]),
        **_compute_quartiles("ser_{}", ser),
        **_count_curves(ser, int(rises.sum())),
    }
    for threshold in _PE_LEAST_PERCENT:
        facts[f"enhancing_volume_pe{threshold}_cm3"] = (
            (pe >= threshold).sum() * grid.voxel_volume / 1000
        )
    prefix = "" if grid == plan.fine else "native_"
    return _make_rows(
        plan.case_id, {name: {f"{prefix}{key}": value for key, value in facts.items()}}
    )


def _count_curves(ser: NDArray[np.float64], n_enhancing: int) -> dict[str, float]:
    """Return shares of rising, flat and falling curves; without SER is falling."""
    if not n_enhancing:
        return {}
    low, high = _FLAT
    rising, flat = int((ser < low).sum()), int(((ser >= low) & (ser <= high)).sum())
    return {
        "persistent_fraction": rising / n_enhancing,
        "plateau_fraction": flat / n_enhancing,
        "washout_fraction": 1 - (rising + flat) / n_enhancing,
    }


def _compute_quartiles(form: str, values: NDArray[np.float64]) -> dict[str, float]:
    """Compute quartiles by hand: between the two order statistics beside rank (n - 1) p."""
    if not values.size:
        return {}
    ordered, quartiles = np.sort(values), {}
    for part, word in enumerate(("p25", "median", "p75"), start=1):
        rank = (ordered.size - 1) * part / 4
        low, high = ordered[int(rank)], ordered[min(int(rank) + 1, ordered.size - 1)]
        quartiles[form.format(word)] = float(low + (high - low) * (rank - int(rank)))
    return quartiles


def describe_features() -> list[Row]:
    """Return rows that say which features are drawn, not computed; they belong to no case."""
    return [
        ("", f"feature:{name}", "is_synthetic", float(features.is_synthetic(name)))
        for name in NAMES
    ]


def write(path: Path, rows: list[Row]) -> None:
    """Write the rows, sorted; the same rows give the same bytes."""
    kinds = {name: pa.string() for name in ("case_id", "subject", "quantity")}
    fields = [
        pa.field(name, kind, nullable=False)
        for name, kind in {**kinds, "value": pa.float64()}.items()
    ]
    columns = zip(*sorted(rows), strict=True)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, fields, strict=True)]
    partial = path.with_name(f".{path.name}.partial")
    pq.write_table(pa.table(arrays, schema=pa.schema(fields)), partial, compression="zstd")
    partial.replace(path)


def _describe_grid(grid: Grid) -> dict[str, float]:
    sizes = {f"size_{axis}": n for axis, n in zip("xyz", grid.size, strict=True)}
    spacings = {f"spacing_{axis}_mm": s for axis, s in zip("xyz", grid.spacing, strict=True)}
    return {**sizes, **spacings}


def _make_rows(case_id: str, facts: dict[str, dict[str, float]]) -> list[Row]:
    return [
        (case_id, subject, quantity, float(value))
        for subject, numbers in facts.items()
        for quantity, value in numbers.items()
    ]
