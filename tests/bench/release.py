"""The release that the bench runs on: a phantom of full size, made once and kept."""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from etl.phantom import make
from etl.phantom.blobs import N3, ZSCORED, write
from etl.phantom.grids import Grid
from etl.profile import load_profile
from etl.recipe import module_recipe
from etl.release import parse
from etl.unit import Blob, Context

SEED = 1
PROFILE = "phantom"
LARGEST = Grid((300, 300, 384), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))  # of the public release
_LEVELS = 560  # distinct values of a z-scored image: it was made from integers


def prepare(project: Path, cases: int) -> Context:
    """The release of `cases` cases, made where it is not kept yet, as a table module sees it."""
    profile = load_profile(project, PROFILE)
    code = module_recipe("etl.phantom.build", profile)[:8]
    root = _cache(project) / f"full-{cases}-{SEED}-{code}"
    if not (root / "truth.parquet").is_file():
        make(
            root / "release",
            root / "truth.parquet",
            cases=cases,
            seed=SEED,
            scale="full",
            progress=_say,
        )
    return Context(root, root / "release", profile, tuple(_blobs(root / "release", project)))


def largest(project: Path, context: Context) -> Context:
    """One image of each kind of the largest size in the public release, for the memory."""
    root = context.root.parent / "largest"
    rng = np.random.default_rng(SEED)
    for kind, folder, suffix in (
        (N3, "images_bias-corrected_nifti", "_N3"),
        (ZSCORED, "images_bias-corrected_resampled_zscored_nifti", "_N3_zscored"),
    ):
        for phase in range(2):
            path = root / folder / "ISPY1_9001" / f"ISPY1_9001_DCE_{phase:04}{suffix}.nii.gz"
            if not path.is_file():
                write(path, kind, LARGEST, _noise(rng))
    return Context(root, root, context.profile, tuple(_blobs(root, project)))


def _noise(rng: np.random.Generator) -> Iterator[np.ndarray]:
    for _ in range(LARGEST.size[2]):
        plane = np.abs(rng.normal(0, _LEVELS / 4, LARGEST.size[1::-1]))
        yield np.minimum(plane, _LEVELS).round()[None]


def _cache(project: Path) -> Path:
    folder = project / ".dvc" / "tmp" / "ispy1" / "bench"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return Path(tempfile.gettempdir()) / "ispy1-bench"
    return folder


def _say(done: int, total: int, case_id: str) -> None:
    sys.stderr.write(f"phantom: {case_id} ({done} of {total})\n")


def _blobs(release: Path, project: Path) -> Iterator[Blob]:
    profile = load_profile(project, PROFILE)
    for path in sorted(release.rglob("*.nii.gz")):
        name = parse(path.relative_to(release).as_posix(), profile)
        yield Blob(name, "0" * 32, path.stat().st_size)


def sizes(context: Context) -> dict[str, tuple[float, float, float]]:
    """Kind of blob -> least, median and greatest size of its files, MB."""
    found: dict[str, list[float]] = {}
    for blob in context.blobs:
        kind = f"mask {blob.name.mask}" if blob.name.mask else blob.name.artefact
        found.setdefault(kind, []).append(blob.size_bytes / 1e6)
    return {kind: (min(of), statistics.median(of), max(of)) for kind, of in sorted(found.items())}
