"""The signals of a case's masks over three phases, one volume in memory at a time."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from etl.measure.arrays import Array
from etl.measure.grids import is_same_grid
from etl.model.findings import Finding
from etl.model.release import name_role
from etl.read.nifti import Header, Volume
from etl.tables import kinetics_findings as problems
from etl.tables.case_masks import Mask, carry_to_grid
from etl.tables.unit import Context, Unit
from etl.tables.volumes import open_volumes

PHASES = (0, 1, 2)  # S0, S1 and S2


@dataclass(slots=True)
class Series:
    """What is kept of the phases of an image set.

    `places`: mask -> positions of its voxels in the images, Fortran order. `signals`: mask -> its
    voxels' scaled values, phase by phase. `minima`: of the whole images, infinite where no value
    is finite.
    """

    header: Header
    places: dict[str, Array]
    signals: dict[str, list[Array]] = field(default_factory=dict)
    minima: list[float] = field(default_factory=list)


def read_series(
    image_set: str, masks: dict[str, Mask], unit: Unit, context: Context
) -> tuple[Series | None, list[Finding]]:
    """Return the signals of the masks in the three phases of an image set.

    A mask on the images' grid is used as it is; another one is carried there.

    Returns:
        None and why, where a phase is missing, unreadable or on another grid than the first.
    """
    roles = [f"image_{image_set}_{phase}" for phase in PHASES]
    present = {name_role(blob.name) for blob in unit}
    missing = [name for name in roles if name not in present]
    if missing:
        return None, [
            problems.report_missing_phase(observed=f"no {name}", path=name) for name in missing
        ]
    series: Series | None = None
    for name in roles:
        volumes, findings = open_volumes("kinetics", unit, context, [name])
        if findings:
            return None, findings
        volume = volumes[name]
        series = series or Series(volume.header, _locate_masks(masks, volume.header))
        if not is_same_grid(series.header.grid, volume.header.grid):
            return None, [problems.report_phase_off_grid(path=name)]
        _sample(series, volume)
        del volume, volumes  # before the next one is read
    return series, []


def _locate_masks(masks: dict[str, Mask], header: Header) -> dict[str, Array]:
    return {
        name: np.flatnonzero(carry_to_grid(m, header).ravel(order="F")) for name, m in masks.items()
    }


def _sample(series: Series, volume: Volume) -> None:
    """Keep of a phase what lies inside the masks, and its least value."""
    slope, inter = volume.header.scaling
    flat = volume.voxels.ravel(order="F")
    for name, positions in series.places.items():
        series.signals.setdefault(name, []).append(
            flat[positions].astype(np.float64) * slope + inter
        )
    ends = (flat.min(), flat.max())
    if not np.isfinite(ends).all():
        finite = flat[np.isfinite(flat)]
        ends = (finite.min(), finite.max()) if finite.size else (np.inf, np.inf)
    series.minima.append(min(float(end) * slope + inter for end in ends))
