"""A project of two small cases with git and DVC behind it: v1, v2, and what changed between."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from dvc.repo import Repo
from sql.history import commit, git
from support import (
    FINE,
    MANIFEST,
    ball,
    build,
    make_project,
    make_release,
    write_manifest,
    write_nifti,
)

from etl.gate.suites import read_suites
from etl.model import project
from etl.model.store import table_path, write_table
from etl.tables.gate_results import TABLE as GATE

GROWN = "masks_stv_manual/ISPY1_9001.nii.gz"  # the mask that v2 changed
IGNORED = "/.dvc/cache\n/.dvc/tmp\n/data/release\n/data/tables\n/data/gate\n/data/index\n"


def shared_past(factory: pytest.TempPathFactory) -> Path:
    """One such project for all modules of a run. For reading only."""
    root = factory.getbasetemp() / "past" / "p"
    return root if root.is_dir() else make_past(root)


def make_past(root: Path) -> Path:
    """v1: two cases. v2, today: one expert mask grown, the manifest with it. No remote."""
    make_project(root)
    shutil.rmtree(root / ".git")
    git(root, "init", "-q", "-b", "main")
    (root / ".gitignore").write_text(IGNORED)
    make_release(root / "data" / "release")
    keep(root, "v1")
    grow(root, 6.0)
    keep(root, "v2")
    return root


def grow(root: Path, radius: float) -> None:
    """Rewrite the expert's mask of 9001; the manifest follows."""
    voxels = ball(FINE, (9, 7, 8), radius).astype("float32")
    release = root / "data" / "release"
    write_nifti(release / GROWN, voxels, forms="q", scl_slope=1, scl_inter=0)
    (release / MANIFEST).unlink()
    write_manifest(release)


def keep(root: Path, tag: str) -> None:
    """Build, put what was built and the release into DVC, and tag it."""
    build(root)
    write_gate(root)
    folders = (project.TABLES, project.GATE, project.INDEX)
    outs = "".join(f"      - {folder}: {{persist: true}}\n" for folder in folders)
    deps = "    deps: [data/release, sql]\n"
    (root / "dvc.yaml").write_text(f"stages:\n  index:\n    cmd: 'true'\n{deps}    outs:\n{outs}")
    with Repo(str(root)) as repo:
        repo.add(str(root / "data" / "release"))
        repo.commit(force=True)
    commit(root, tag)


def write_gate(root: Path) -> None:
    """gate_results of every suite: all hold but the size of one mask."""
    rows: list[dict[str, Any]] = []
    for suite, expectations in read_suites(root).items():
        for found in expectations:
            column = found["kwargs"].get("column")
            broken = column == "volume_rounded_cm3" and "max_value" in found["kwargs"]
            rows.append(
                {
                    "suite": suite,
                    "expectation_id": found["id"],
                    "expectation": found["notes"],
                    "column": column,
                    "severity": found["severity"],
                    "success": not broken,
                    "n_checked": 1,
                    "n_failed": int(broken),
                    "observed": "seen",
                    "failing_cases": [f"ISPY1_9001: {GROWN}"] if broken else [],
                }
            )
    meta = {"recipe": "g", "dataset": "d", "licence": "l", "attribution": "a"}
    write_table(GATE, rows, table_path(root / project.GATE, "gate_results"), meta=meta)
