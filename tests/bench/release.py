"""The release that the bench runs on: a phantom of full size, made once and kept."""

from __future__ import annotations

import shutil
import statistics
import sys
from dataclasses import replace
from pathlib import Path

from etl.build.recipe import make_module_recipe
from etl.model.pool import FEW
from etl.model.profile import load_profile
from etl.model.release import parse
from etl.phantom.build import make
from etl.phantom.cases import make_planned
from etl.phantom.grids import FULL, Grid, plan
from etl.tables.unit import Blob, Context

SEED = 1
PROFILE = "phantom"
# The largest of the public release: grids, and voxels of a mask.
FINE = Grid((300, 300, 384), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))
NATIVE = Grid((256, 256, 192), (1.171875, 1.171875, 2.0), (0.0, 0.0, 0.0))
VOXELS = 486158


def prepare(project: Path, cases: int) -> Context:
    """Return the release of `cases` cases, made where it is not kept yet, as a table sees it."""
    root = _find_folder(project, f"full-{cases}-{SEED}")
    release, truth = root / "release", root / "truth.parquet"
    if not release.is_dir():
        make(release, truth, cases=cases, seed=SEED, scale=FULL, progress=_say)
    return _make_context(project, root)


def prepare_largest(project: Path) -> Context:
    """Return the largest grids and masks of the public release, in as many cases as get workers.

    Workbooks and texts are missing: the gate of such a release is red.
    """
    root = _find_folder(project, f"largest-{SEED}")
    partial = root / "partial"
    if not (root / "release").is_dir():
        for index in range(FEW):
            own = plan(index, SEED, FULL)
            make_planned(replace(own, native=NATIVE, fine=FINE, voxels=VOXELS), partial)
            _say(index + 1, FEW, own.case_id)
        partial.rename(root / "release")
    return _make_context(project, root)


def _find_folder(project: Path, name: str) -> Path:
    """Return where what the generator's code of today makes is kept; that of other code goes."""
    code = make_module_recipe(project, "etl.phantom.build", load_profile(project, PROFILE))[:8]
    root = project / ".dvc/tmp/ispy1/bench" / f"{name}-{code}"
    root.parent.mkdir(parents=True, exist_ok=True)
    for old in root.parent.glob(f"{name}-*"):
        if old != root:
            shutil.rmtree(old)
    return root


def _make_context(project: Path, root: Path) -> Context:
    release, profile = root / "release", load_profile(project, PROFILE)
    blobs = (
        Blob(parse(str(path.relative_to(release)), profile), "0" * 32, path.stat().st_size)
        for path in sorted(release.rglob("*.nii.gz"))
    )
    return Context(root, release, profile, tuple(blobs))


def _say(done: int, total: int, case_id: str) -> None:
    sys.stderr.write(f"phantom: {case_id} ({done} of {total})\n")


def measure_sizes(context: Context) -> dict[str, tuple[float, float, float]]:
    """Return kind of blob -> least, median and greatest size of its files, MB."""
    sizes: dict[str, list[float]] = {}
    for blob in context.blobs:
        kind = f"mask {blob.name.mask}" if blob.name.mask else blob.name.artefact
        sizes.setdefault(kind, []).append(blob.size_bytes / 1e6)
    return {kind: (min(of), statistics.median(of), max(of)) for kind, of in sorted(sizes.items())}
