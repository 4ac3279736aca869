"""Enhancement of a mask's voxels over three phases: how much, and what becomes of it.

With S0, S1 and S2 the signals above the level of no signal, before contrast and in the first and
second phase after it: PE = (S1 - S0) / S0, in percent, and SER = (S1 - S0) / (S2 - S0), as in
Hylton et al., Radiology 263(3):663-672, 2012.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from etl.measure.arrays import Array

Quartiles = tuple[float, float, float]

PERCENTILES = (25.0, 50.0, 75.0)
# SER of a falling, a flat and a rising curve: the definition of this warehouse's tables.
WASHOUT_ABOVE = 1.1
PERSISTENT_BELOW = 0.9
# All that the trial's FTV segmentations used: in 66, 45, 18 and 34 of the release's 163 cases.
PE_THRESHOLDS_PERCENT = (70, 90, 100, 140)
# Minima of z-scored phases that lie closer are one zero level: float32 holds it to 1e-6. The gate
# has the same number as zscored_minimum_tolerance.
ZERO_LEVEL_TOLERANCE = 1e-5


@dataclass(frozen=True, slots=True)
class Kinetics:
    """Enhancement of a mask's voxels. Quartiles and shares are None where no voxel counts.

    n_voxels = n_nonfinite + n_low_s0 + n_no_enhancement + n_enhancing.

    `pe_percent`: quartiles over the voxels with S0 above the zero level. `ser`: quartiles over the
    enhancing voxels that have one. The three shares are of the enhancing voxels and add up to 1.
    `n_reaching`: voxels whose PE reaches each of PE_THRESHOLDS_PERCENT.
    """

    n_voxels: int
    n_nonfinite: int
    n_low_s0: int
    n_no_enhancement: int
    n_enhancing: int
    n_below_baseline: int
    pe_percent: Quartiles | None
    ser: Quartiles | None
    washout: float | None
    plateau: float | None
    persistent: float | None
    n_reaching: tuple[int, ...]


def measure_kinetics(signals: Sequence[Array], zero: float, pe_min_percent: float) -> Kinetics:
    """Return the enhancement of the voxels of one mask.

    A voxel enhances where S1 > S0 and PE >= `pe_min_percent`. Where it then falls back to S0 or
    below, SER has a pole or turns negative: it counts as washout and has no SER.

    Args:
        signals: scaled values of the mask's voxels in the three phases, 1-D, one order.
        zero: the value of a voxel without signal.
        pe_min_percent: least PE of an enhancing voxel.
    """
    values = np.stack([signal.astype(np.float64) for signal in signals]) - zero
    finite = values[:, np.isfinite(values).all(axis=0)]
    s0, s1, s2 = finite[:, finite[0] > 0]
    rise = s1 - s0
    pe = 100 * rise / s0
    is_enhancing = (pe >= pe_min_percent) & (rise > 0)
    up, later = rise[is_enhancing], (s2 - s0)[is_enhancing]
    ser = up[later > 0] / later[later > 0]
    return Kinetics(
        n_voxels=values.shape[1],
        n_nonfinite=values.shape[1] - finite.shape[1],
        n_low_s0=finite.shape[1] - s0.size,
        n_no_enhancement=s0.size - up.size,
        n_enhancing=up.size,
        n_below_baseline=up.size - ser.size,
        pe_percent=_compute_quartiles(pe),
        ser=_compute_quartiles(ser),
        **_count_shares(ser, up.size),
        n_reaching=tuple(int((pe >= threshold).sum()) for threshold in PE_THRESHOLDS_PERCENT),
    )


def _compute_quartiles(values: Array) -> Quartiles | None:
    """Return exact quartiles, linear between order statistics (Hyndman and Fan 1996, type 7)."""
    if not values.size:
        return None
    low, middle, high = map(float, np.percentile(values, PERCENTILES, method="linear"))
    return low, middle, high


def _count_shares(ser: Array, n_enhancing: int) -> dict[str, float | None]:
    """Return shares of the enhancing voxels; those without SER are washout."""
    if not n_enhancing:
        return dict.fromkeys(("washout", "plateau", "persistent"))
    n_persistent = int((ser < PERSISTENT_BELOW).sum())
    n_plateau = int((ser <= WASHOUT_ABOVE).sum()) - n_persistent
    return {
        "washout": (n_enhancing - n_plateau - n_persistent) / n_enhancing,
        "plateau": n_plateau / n_enhancing,
        "persistent": n_persistent / n_enhancing,
    }


def find_shared_zero(minima: Sequence[float]) -> float | None:
    """Return the level of no signal that z-scored phases share: their least minimum.

    Returns:
        None where the minima differ by more than ZERO_LEVEL_TOLERANCE.
    """
    lowest = min(minima)
    return lowest if max(minima) - lowest <= ZERO_LEVEL_TOLERANCE else None
