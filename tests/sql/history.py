"""A small project with a history: git tags v0, v1 and v2, tables and a release kept by DVC."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from dvc.repo import Repo

from etl.model.project import TABLES
from etl.model.store import table_path, write_table
from etl.tables import masks
from sql.tables import META, Row, make_project, mask_rows

GROWN = ("ISPY1_9001", "stv_manual")  # the mask that v2 changed, from 5 to 6 cm3
BLOB = "data/release/masks_stv_manual/ISPY1_9001.nii.gz"
_VIEW = "sql/views/slice_count.sql"
_NOW, _THEN = "count(*) as n_images", "7::bigint as n_images"


def make_history(root: Path, *, remote: Path) -> Path:
    """A project at `root` whose working tree is v2.

    v0 was never built. v1 has no gate_results, another slice_count, fold 3 and no remote. v2 has
    all of today's, fold 1, one mask of 6 instead of 5 cm3, and `remote`, a folder.
    """
    make_project(root, without=("gate_results",))
    (root / ".dvc" / "config").write_text("[core]\n    analytics = false\n")
    (root / ".gitignore").write_text("/.dvc/cache\n/.dvc/tmp\n/data/release\n/data/tables\n")
    git(root, "init", "-q", "-b", "main")
    commit(root, "v0")
    _edit(root / _VIEW, _NOW, _THEN)
    build(root, "grown by nothing")
    commit(root, "v1")
    _edit(root / _VIEW, _THEN, _NOW)
    _edit(root / "splits.csv", ",3,", ",1,")
    write_masks(root, 6.0)
    with_gate(root)
    set_remote(root, remote)
    build(root, "grown by two")
    commit(root, "v2")
    return root


def write_masks(root: Path, volume_cm3: float) -> None:
    """The table masks, with this volume of the mask that grows."""
    rows: list[Row] = [
        {**row, "volume_cm3": volume_cm3} if (row["case_id"], row["mask"]) == GROWN else row
        for row in mask_rows()
    ]
    write_table(masks.TABLE, rows, table_path(root / TABLES, "masks"), meta=META)


def with_gate(root: Path) -> None:
    """The table gate_results, which a fresh project of tests.sql.tables has."""
    other = make_project(root / ".dvc" / "tmp" / "whole")
    name = "gate_results.parquet"
    (other / TABLES / name).rename(root / TABLES / name)


def build(root: Path, blob: str) -> None:
    """What a build leaves: dvc.lock and release.dvc, and the cache they speak of."""
    (root / BLOB).parent.mkdir(parents=True, exist_ok=True)
    (root / BLOB).write_text(blob)
    tables = sorted(path.name for path in (root / TABLES).glob("*.parquet"))
    outs = "".join(f"      - {TABLES}/{name}: {{persist: true}}\n" for name in tables)
    plain = "      - splits.csv: {cache: false, persist: true}\n"
    (root / "dvc.yaml").write_text(f"stages:\n  all:\n    cmd: 'true'\n    outs:\n{outs}{plain}")
    with Repo(str(root)) as repo:
        repo.commit(force=True)
        repo.add(str(root / "data" / "release"))


def set_remote(root: Path, remote: Path) -> None:
    """Make a folder the default remote."""
    (root / ".dvc" / "config").write_text(
        "[core]\n    analytics = false\n    remote = store\n"
        f"['remote \"store\"']\n    url = {remote}\n"
    )


def commit(root: Path, tag: str) -> None:
    """Commit all that git does not ignore, and tag it."""
    git(root, "add", "-A")
    git(root, "commit", "-qm", tag)
    git(root, "tag", tag)


def git(root: Path, *words: str) -> str:
    """What git says, with an identity of the tests."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    identity = {f"GIT_{who}_{what}": "t@example.org" for who in ("AUTHOR", "COMMITTER")
                for what in ("NAME", "EMAIL")}  # fmt: skip
    done = subprocess.run(
        ["git", *words], cwd=root, env={**clean, **identity}, check=True, text=True,
        capture_output=True,
    )  # fmt: skip
    return done.stdout


def _edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    if old not in text:
        message = f"{path}: holds no {old!r}"
        raise ValueError(message)
    path.write_text(text.replace(old, new))
