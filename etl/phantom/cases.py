"""One case from plan to files: nine blobs, one feature row, its part of the truth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from etl.phantom import agreement, blobs, features, grids, images, lesions, shapes, tissues, truth
from etl.phantom.clinical import Subject
from etl.phantom.grids import Grid, Plan
from etl.phantom.truth import Reading, Row


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker is told: case `index` (from 0) of a seed and scale, and where it goes."""

    index: int
    seed: int
    scale: str
    root: Path


@dataclass(frozen=True, slots=True)
class Made:
    """What a worker gives back; the blobs are on disk."""

    case_id: str
    subject: Subject
    features: list[float]
    older: dict[str, float]  # features of an older mask, from which a wrong value may come
    sums: dict[str, str]
    rows: list[Row]


def make(job: Job) -> Made:
    """Make one case. Its bytes depend on seed, scale and index alone."""
    return make_planned(grids.plan(job.index, job.seed, job.scale), job.root)


def make_planned(plan: Plan, root: Path) -> Made:
    """Make the case of a plan below `root`."""
    lesion = lesions.draw(plan)
    model = tissues.draw(plan, lesion)
    manual, resunet, ftv = readings = (
        _read("stv_manual", lesion.manual, plan.fine),
        _read("stv_resunet", lesion.resunet, plan.fine),
        _read("ftv", lesion.ftv, plan.native),
    )
    sums = dict(_write_mask(plan, reading, root) for reading in readings)
    standard, zscored_sums, pure = images.write_zscored(
        plan, model, root, _carry_regions(readings, plan.fine)
    )
    regions = _carry_regions(readings, plan.native)
    region = regions[manual.name] != 0
    phases, n3_sums, voxels, native_pure = images.write_n3(
        plan, model, root, regions[manual.name], regions
    )
    n_outside = int(np.count_nonzero((regions[ftv.name] != 0) & ~region))
    rows = truth.describe_case(plan, model, standard, phases)
    rows += truth.describe_expert(plan, region, n_outside)
    for reading in readings:
        rows += truth.describe_mask(plan, reading)
        for signals, grid in ((pure, plan.fine), (native_pure, plan.native)):
            rows += truth.describe_kinetics(plan, reading.name, signals[reading.name], grid)
    rows += agreement.measure_pairs(plan, (ftv, manual, resunet))
    return Made(
        case_id=plan.case_id,
        subject=Subject(plan.number, plan.is_right, 2 * shapes.measure(lesion.manual[0]).reach),
        features=features.compute_values(plan, voxels, region),
        older=features.compute_of_older_mask(plan, voxels, region),
        sums={**sums, **zscored_sums, **n3_sums},
        rows=rows,
    )


def _read(name: str, solid: shapes.Solid, grid: Grid) -> Reading:
    return Reading(name, solid, grid, shapes.paint_patches(solid, grid))


def _carry_regions(readings: tuple[Reading, ...], grid: Grid) -> images.Regions:
    """Return the masks as they are on their own grid, carried to it from another one."""
    return {r.name: shapes.carry(shapes.paint(r.parts, r.grid), r.grid, grid) for r in readings}


def _write_mask(plan: Plan, reading: Reading, root: Path) -> tuple[str, str]:
    """Write the file of a mask; return its path and MD5."""
    path, kind = f"masks_{reading.name}/{plan.case_id}.nii.gz", blobs.MASKS[reading.name]
    mask = shapes.paint(reading.parts, reading.grid) * np.uint8(kind.foreground)
    runs = images.split_runs(mask, reading.grid)
    return path, blobs.write(root / path, kind, reading.grid, runs)
