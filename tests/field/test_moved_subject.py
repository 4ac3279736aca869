"""A subject that was moved by hand in splits.csv is refused; git's history knows where it was."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from sql.tables import make_project

from etl.errors import UserError
from etl.splits import update_splits


def run_git(root: Path, *words: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *who, *words], cwd=root, check=True, capture_output=True)


@pytest.mark.parametrize("committed_again", [False, True])
def test_a_moved_subject_is_named(tmp_path: Path, *, committed_again: bool) -> None:
    root = make_project(tmp_path)
    path = root / "splits.csv"
    path.unlink(missing_ok=True)
    update_splits(root)
    run_git(root, "init", "-q")
    run_git(root, "add", "splits.csv")
    run_git(root, "commit", "-qm", "folds")
    assert update_splits(root) == 0
    head, first, *rest = path.read_text().splitlines(keepends=True)
    case_id, fold, *others = first.split(",")
    moved = ",".join([case_id, str((int(fold) + 1) % 5), *others])
    path.write_text("".join([head, moved, *rest]))
    if committed_again:
        run_git(root, "commit", "-qam", "moved")
    with pytest.raises(UserError, match=f"{case_id} was in fold {fold} and is in"):
        update_splits(root)
