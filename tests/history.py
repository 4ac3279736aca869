"""Projects with a history: git tags, and tables and a release that DVC keeps."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import made
from dvc.repo import Repo
from made import small
from support import (
    FINE,
    MANIFEST,
    ball,
    build,
    make_project,
    make_release,
    mask_voxels,
    write_manifest,
    write_nifti,
)
from tracked import IDENTITY

from etl.gate.suites import read_suites
from etl.model import project
from etl.model.project import TABLES
from etl.model.store import table_path, write_table
from etl.tables import masks
from etl.tables.gate_results import TABLE as GATE_RESULTS

RELEASE = "data/release"
GROWN = "masks_stv_manual/ISPY1_9001.nii.gz"  # the mask that v2 changed, in each of them
REPACKED = "masks_ftv/ISPY1_9001.nii.gz"
_IGNORED = "/.dvc/cache\n/.dvc/tmp\n/data/release\n/data/tables\n/data/gate\n/data/index\n"
_VIEW = "sql/views/slice_count.sql"
_NOW, _THEN = "count(*) as n_images", "7::bigint as n_images"


# --- git and DVC -------------------------------------------------------------------------------


def git(root: Path, *words: str) -> str:
    """Return what git says, with an identity of the tests."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    done = subprocess.run(
        ["git", *words], cwd=root, env={**clean, **IDENTITY}, check=True, text=True,
        capture_output=True,
    )  # fmt: skip
    return done.stdout


def begin(root: Path) -> None:
    """Put a project under git, but not what DVC keeps."""
    shutil.rmtree(root / ".git", ignore_errors=True)
    git(root, "init", "-q", "-b", "main")
    (root / ".gitignore").write_text(_IGNORED)


def commit(root: Path, tag: str) -> None:
    """Commit all that git does not ignore, and tag it."""
    git(root, "add", "-A")
    git(root, "commit", "-qm", tag)
    git(root, "tag", tag)


def keep(root: Path, *outs: str, deps: str = "") -> None:
    """Put outputs of one stage and the release into DVC, as a build does."""
    listed = "".join(f"      - {out}\n" for out in outs)
    text = f"stages:\n  index:\n    cmd: 'true'\n    deps: [{deps}]\n    outs:\n{listed}"
    (root / "dvc.yaml").write_text(text)
    with Repo(str(root)) as repo:
        repo.add(str(root / RELEASE))
        repo.commit(force=True)


def set_remote(root: Path, url: Path | str, **options: str) -> None:
    """Make a folder, or a store with options, the default remote."""
    lines = "".join(f"    {name} = {value}\n" for name, value in {"url": url, **options}.items())
    (root / ".dvc" / "config").write_text(
        f"[core]\n    analytics = false\n    remote = store\n['remote \"store\"']\n{lines}"
    )


# --- made tables: quick ------------------------------------------------------------------------


def make_history(root: Path, *, remote: Path, views: tuple[str, ...] | None = None) -> Path:
    """Make a project whose working tree is v2.

    v0 was never built. v1 has no gate_results, another slice_count, fold 3 and no remote. v2 has
    all of today's, fold 1, one mask of 6 instead of 5 cm3, and `remote`, a folder. `views`:
    these alone, slice_count among them.
    """
    small.make_project(root, views=views)
    results = table_path(root / TABLES, "gate_results")
    of_v2 = results.read_bytes()
    results.unlink()
    (root / ".dvc" / "config").write_text("[core]\n    analytics = false\n")
    begin(root)
    commit(root, "v0")
    _edit(root / _VIEW, _NOW, _THEN)
    keep_tables(root, "grown by nothing")
    commit(root, "v1")
    _edit(root / _VIEW, _THEN, _NOW)
    _edit(root / "splits.csv", ",3,", ",1,")
    write_masks(root, 6.0)
    results.write_bytes(of_v2)
    set_remote(root, remote)
    keep_tables(root, "grown by two")
    commit(root, "v2")
    return root


def write_masks(root: Path, volume_cm3: float) -> None:
    """Write the table masks with this volume of the mask that grows."""
    rows = made.make_tables(small.FILES)["masks"].to_pylist()
    for row in rows:
        if row["path"] == GROWN:
            row["volume_cm3"] = volume_cm3
    write_table(masks.TABLE, rows, table_path(root / TABLES, "masks"), meta=made.META)


def keep_tables(root: Path, blob: str) -> None:
    """Put every table, the folds and a release of one blob into DVC."""
    path = root / RELEASE / GROWN
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(blob)
    tables = sorted(path.name for path in (root / TABLES).glob("*.parquet"))
    outs = [f"{TABLES}/{name}: {{persist: true}}" for name in tables]
    keep(root, *outs, "splits.csv: {cache: false, persist: true}")


def _edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text, f"{path}: holds no {old!r}"
    path.write_text(text.replace(old, new))


# --- built tables ------------------------------------------------------------------------------


def make_past(root: Path) -> Path:
    """Make v1: two cases. v2, today: one expert mask grown, the manifest with it. No remote."""
    make_project(root)
    begin(root)
    make_release(root / RELEASE)
    _build_with_gate(root, "v1")
    grow(root, 6.0)
    _build_with_gate(root, "v2")
    return root


def grow(root: Path, radius: float) -> None:
    """Rewrite the expert's mask of 9001; the manifest follows."""
    voxels = ball(FINE, (9, 7, 8), radius).astype("float32")
    write_nifti(root / RELEASE / GROWN, voxels, forms="q", scl_slope=1, scl_inter=0)
    (root / RELEASE / MANIFEST).unlink()
    write_manifest(root / RELEASE)


def _build_with_gate(root: Path, tag: str) -> None:
    """All contracts hold but the size of one mask."""
    build(root)
    rows = [
        {
            "suite": suite,
            "expectation_id": contract["id"],
            "expectation": contract["notes"],
            "column": contract["kwargs"].get("column"),
            "severity": contract["severity"],
            "success": not (broken := _is_size(contract["kwargs"])),
            "n_checked": 1,
            "n_failed": int(broken),
            "observed": "seen",
            "failing_cases": [f"ISPY1_9001: {GROWN}"] if broken else [],
        }
        for suite, contracts in read_suites(root).items()
        for contract in contracts
    ]
    write_table(GATE_RESULTS, rows, table_path(root / project.GATE, "gate_results"), meta=made.META)
    outs = (f"{folder}: {{persist: true}}" for folder in (TABLES, project.GATE, project.INDEX))
    keep(root, *outs, deps="data/release, sql")
    commit(root, tag)


def _is_size(kwargs: dict[str, Any]) -> bool:
    return kwargs.get("column") == "volume_rounded_cm3" and "max_value" in kwargs


def make_story(root: Path) -> Path:
    """Make v1: ISPY1_9001, 9002 and 9003. v2, today: 9001's expert mask grown by two voxels, its
    FTV packed again, 9002 withdrawn, 9004 added.
    """
    make_project(root)
    begin(root)
    (root / "splits.csv").write_text("case_id,fold,subtype,pcr,dataset\n")
    release = root / RELEASE
    for tag, numbers in (("v1", (1, 2, 3)), ("v2", (1, 3, 4))):
        shutil.rmtree(release)
        make_release(release, tuple(f"ISPY1_900{number}" for number in numbers))
        if tag == "v2":
            voxels = mask_voxels(9001, "stv_manual")
            voxels[1, 1, 1:3] = 1  # two voxels of 1 mm3
            write_nifti(release / GROWN, voxels, forms="q", scl_slope=1, scl_inter=0)
            packed = gzip.decompress((release / REPACKED).read_bytes())
            (release / REPACKED).write_bytes(gzip.compress(packed, 1, mtime=1))
        build(root)
        keep(root, f"{TABLES}: {{persist: true}}")
        commit(root, tag)
    return root
