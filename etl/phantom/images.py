"""The six images of a case, written slab by slab; at most three int16 volumes in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from etl.phantom import blobs, tissues
from etl.phantom.grids import Draw, Grid, Plan
from etl.phantom.tissues import PHASES, Tissues

N3_FOLDER = "images_bias-corrected_nifti"
ZSCORED_FOLDER = "images_bias-corrected_resampled_zscored_nifti"

_FULL_SCALE = 32767
COUNTS_PER_UNIT = 0.5
_ZSCORED_NOISE = 1.1
_ZSCORED_AIR_NOISE = 0.2
_AIR_BELOW = 5.0
_N3_GAIN = 8.0
_N3_NOISE = 32.0

Stored = TypeVar("Stored", bound=np.integer[Any])
Volume = NDArray[np.int16]
Signal = NDArray[np.float32]
Regions = dict[str, NDArray[np.uint8]]  # masks of one grid by name
Pure = dict[str, list[Signal]]  # noise-free signals of a region's voxels, by phase


@dataclass(frozen=True, slots=True)
class Standard:
    """The z-score of a case: value = (count - mean) / sd, over three phases together."""

    mean: float
    sd: float
    lowest: int

    @property
    def zero_level(self) -> float:
        """Value of a voxel without signal, as float32 stores it: the shared minimum."""
        return float(np.float32((self.lowest - self.mean) / self.sd))


@dataclass(frozen=True, slots=True)
class Native:
    """What was stored of one N3 phase: stored = signal x gain x factor."""

    gain: float
    factor: float
    highest: int


def write_zscored(
    plan: Plan, model: Tissues, root: Path, regions: Regions
) -> tuple[Standard, dict[str, str], Pure]:
    """Write the three z-scored images.

    Returns:
        The z-score, MD5 by path, and the noise-free signals of the regions (1 mm grid).
    """
    rng = plan.make_stream(Draw.ZSCORED)
    counts, pure = _sample(model, plan.fine, regions, lambda signal: _count(signal, rng))
    standard = _measure_standard(counts)
    levels = np.arange(max(int(volume.max()) for volume in counts) + 1)
    table = ((levels - standard.mean) / standard.sd).astype(np.float32)
    sums = {}
    for phase, volume in enumerate(counts):
        path = f"{ZSCORED_FOLDER}/{plan.case_id}/{plan.case_id}_DCE_{phase:04d}_N3_zscored.nii.gz"
        runs = (table[run] for run in split_runs(volume, plan.fine))
        sums[path] = blobs.write(root / path, blobs.ZSCORED, plan.fine, runs)
    return standard, sums, pure


def write_n3(
    plan: Plan, model: Tissues, root: Path, region: NDArray[np.uint8], regions: Regions
) -> tuple[list[Native], dict[str, str], NDArray[np.int16], Pure]:
    """Write the three N3 images.

    Returns:
        What was stored of each phase, MD5 by path, the stored voxels of phase 1 in a region (a
        mask of the native grid), and the noise-free signals of the regions.
    """
    rng = plan.make_stream(Draw.N3)
    volumes, pure = _sample(model, plan.native, regions, lambda signal: _scan(signal, rng))
    facts, sums = [], {}
    for phase, volume in enumerate(volumes):
        facts.append(_stretch(volume, is_stretched=plan.is_stretched))
        path = f"{N3_FOLDER}/{plan.case_id}/{plan.case_id}_DCE_{phase:04d}_N3.nii.gz"
        runs = split_runs(volume, plan.native)
        sums[path] = blobs.write(root / path, blobs.N3, plan.native, runs)
    return facts, sums, volumes[1][region != 0], pure


def split_runs(volume: NDArray[Stored], grid: Grid) -> Iterator[NDArray[Stored]]:
    """Return a volume in runs of planes."""
    return (volume[slab] for slab in tissues.split_slabs(grid))


def _sample(
    model: Tissues, grid: Grid, regions: Regions, acquire: Callable[[Signal], Signal]
) -> tuple[list[Volume], Pure]:
    """Return the three phases as `acquire` stores a slab, and the pure signals of the regions."""
    volumes = [np.empty(grid.size[::-1], np.int16) for _ in range(PHASES)]
    parts: dict[str, list[list[Signal]]] = {name: [[] for _ in volumes] for name in regions}
    for slab in tissues.split_slabs(grid):
        for phase, signal in enumerate(tissues.compute_signals(model, grid, slab)):
            for name, region in regions.items():
                parts[name][phase].append(signal[region[slab] != 0])
            volumes[phase][slab] = acquire(signal)
    return volumes, {name: [*map(np.concatenate, phases)] for name, phases in parts.items()}


def _count(signal: Signal, rng: np.random.Generator) -> Signal:
    """Return whole counts from a slab's signal, in place: noisy in tissue, nearly still in air."""
    sd = np.where(signal < _AIR_BELOW, np.float32(_ZSCORED_AIR_NOISE), np.float32(_ZSCORED_NOISE))
    signal *= np.float32(COUNTS_PER_UNIT)
    signal += sd * rng.standard_normal(signal.shape, np.float32)
    return np.maximum(np.rint(signal, out=signal), 0, out=signal)


def _measure_standard(counts: list[Volume]) -> Standard:
    """Return mean and standard deviation from integer sums: exact in any order."""
    tally = sum(
        np.bincount(volume.ravel(), minlength=int(np.iinfo(np.int16).max)) for volume in counts
    )
    numbers = [(level, int(n)) for level, n in enumerate(np.asarray(tally)) if n]
    n = sum(times for _, times in numbers)
    total = sum(level * times for level, times in numbers)
    squares = sum(level * level * times for level, times in numbers)
    variance = (n * squares - total * total) / (n * n)
    return Standard(total / n, variance**0.5, numbers[0][0])


def _scan(signal: Signal, rng: np.random.Generator) -> Signal:
    """Return the magnitudes of a slab with noise, with one gain for all, as whole numbers."""
    noisy = rng.standard_normal(signal.shape, np.float32)
    noisy *= np.float32(_N3_NOISE)
    noisy += signal * np.float32(_N3_GAIN)
    return np.rint(np.abs(noisy, out=noisy), out=noisy)


def _stretch(volume: Volume, *, is_stretched: bool) -> Native:
    """Stretch a phase on its own to 0..32767, in place, where the case is a stretched one."""
    highest = int(volume.max())
    if not is_stretched:
        return Native(_N3_GAIN, 1.0, highest)
    volume[volume == volume.min()] = 0
    levels = np.arange(highest + 1, dtype=np.int64)
    table = ((levels * (2 * _FULL_SCALE) + highest) // (2 * highest)).astype(np.int16)
    volume[...] = table[volume]
    return Native(_N3_GAIN, _FULL_SCALE / highest, _FULL_SCALE)
