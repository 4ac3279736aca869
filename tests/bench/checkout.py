"""A checkout of the last commit with a release in it, in which commands run as a user's do."""

from __future__ import annotations

import filecmp
import gzip
import os
import shlex
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from bench.memory import Watch
from etl.model.params_file import set_params
from etl.versions.dvc import SITE_CACHE

RELEASE = "data/release"
_HEADER_BYTES = 352  # of a NIfTI file without extensions: voxels follow
_VOXEL_BYTES = 4
_KEPT = (f"/{RELEASE}", f"/{RELEASE}.dvc", "/.dvc")  # the data, and what DVC knows of them
_FRESH = (".dvc/tmp/ispy1", ".dvc/cache/runs")  # kept units, and what DVC would not run again


@dataclass(frozen=True, slots=True)
class Ran:
    """A command that ended well, or in red."""

    seconds: float
    output: str
    peak_mib: float  # of its largest worker


@dataclass(frozen=True, slots=True)
class Checkout:
    """A project of the bench's own."""

    root: Path
    workers: int

    def run(self, command: str) -> Ran:
        """Run a command.

        Raises:
            RuntimeError: it failed, and not by its verdict.
        """
        site = str(self.root / SITE_CACHE)  # as `ispy1 repro` has it: hashed once for all
        own = {"ISPY1_WORKERS": str(self.workers), "DVC_SITE_CACHE_DIR": site}
        environment = {**environment_of(self.root), **own}
        start = time.perf_counter()
        with subprocess.Popen(
            shlex.split(command), cwd=self.root, env=environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        ) as process:  # fmt: skip
            watch = Watch(process.pid)
            watch.start()
            output, _ = process.communicate()
            seconds = time.perf_counter() - start
            watch.stop()
        if process.returncode and "failed to reproduce 'verdict'" not in output:
            message = f"{command}: {output[-2000:]}"
            raise RuntimeError(message)
        return Ran(seconds, output, watch.peak_mib)

    def forget(self) -> None:
        """Remove all that was ever built."""
        self.run("git clean -ffdxq " + " ".join(f"--exclude={path}" for path in _KEPT))
        for name in _FRESH:
            shutil.rmtree(self.root / name, ignore_errors=True)


def prepare(project: Path, release: Path, root: Path, workers: int) -> Checkout:
    """Return a checkout of the project's last commit whose release is `release`, under DVC.

    Args:
        project: where the commit is.
        release: a phantom; its files are linked, not copied.
        root: where the checkout is, or is made.
        workers: processes of its commands.
    """
    checkout = Checkout(root, workers)
    if not (root / ".git").is_dir():
        root.mkdir(parents=True)
        checkout.run(f"git clone --quiet --no-checkout {shlex.quote(str(project))} .")
    checkout.run("git fetch --quiet origin HEAD")
    checkout.run("git checkout --quiet --force --detach FETCH_HEAD")
    cases = sum(1 for _ in (release / "masks_ftv").iterdir())
    set_params(
        root / "params.yaml",
        {"release": RELEASE, "phantom.cases": cases, "phantom.scale": "full"},
    )
    if _link(release, root / RELEASE) or not (root / f"{RELEASE}.dvc").is_file():
        checkout.run(f"dvc add --quiet {RELEASE}")
    return checkout


def shrink_mask(path: Path) -> None:
    """Take the first voxel from a mask of float32."""
    voxels = bytearray(gzip.decompress(path.read_bytes()))
    first = next(at for at in range(_HEADER_BYTES, len(voxels)) if voxels[at])
    start = first - (first - _HEADER_BYTES) % _VOXEL_BYTES
    voxels[start : start + _VOXEL_BYTES] = bytes(_VOXEL_BYTES)
    path.unlink()  # the file is shared with the release that is kept
    path.write_bytes(gzip.compress(voxels, mtime=0))


def _link(source: Path, target: Path) -> bool:
    """Give a folder the files of another one; return whether it lacked any."""
    lacking = [
        (path, target / path.relative_to(source))
        for path in source.rglob("*")
        if path.is_file() and not _is_same(path, target / path.relative_to(source))
    ]
    for path, copy in lacking:
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.unlink(missing_ok=True)
        copy.hardlink_to(path)
    return bool(lacking)


def _is_same(path: Path, copy: Path) -> bool:
    return copy.is_file() and filecmp.cmp(path, copy)


def environment_of(root: Path) -> dict[str, str]:
    """Return the environment in which this Python runs the code of the project at `root`."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return {**clean, "PATH": path, "PYTHONPATH": str(root), "DVC_NO_ANALYTICS": "1"}
