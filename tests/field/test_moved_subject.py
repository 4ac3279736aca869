"""A subject that was moved by hand in splits.csv is refused; git's history knows where it was.

The gate says the same of a file that no build has seen, and of a subject that stands twice.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from history import git
from made.small import make_project
from support import ROOT

from etl.ask.status import status
from etl.gate.frames import hand_over, read_frame
from etl.model.errors import UserError
from etl.model.profile import load_profile
from etl.warehouse.connect import connect
from etl.warehouse.splits import find_first_folds, update_splits


@pytest.mark.parametrize("committed_again", [False, True])
def test_a_moved_subject_is_named(tmp_path: Path, *, committed_again: bool) -> None:
    root = make_project(tmp_path)
    path = root / "splits.csv"
    path.unlink(missing_ok=True)
    update_splits(root)
    git(root, "init", "-q")
    git(root, "add", "splits.csv")
    git(root, "commit", "-qm", "folds")
    assert update_splits(root) == 0
    head, first, *rest = path.read_text().splitlines(keepends=True)
    case_id, fold, *others = first.split(",")
    moved = ",".join([case_id, str((int(fold) + 1) % 5), *others])
    path.write_text("".join([head, moved, *rest]))
    if committed_again:
        git(root, "commit", "-qam", "moved")
    with pytest.raises(UserError, match=f"{case_id} was in fold {fold} and is in"):
        update_splits(root)


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (("", ""), {}),
        ((",3,", ",2,"), {("ISPY1_9001", "fold 2"): (1, 1)}),
        (("\n", "\nISPY1_9001,2,,,ISPY1-PHANTOM\n"), {("ISPY1_9001", "fold 2 and 3"): (2, 1)}),
    ],
    ids=["kept", "moved", "twice"],
)
def test_the_gate_sees_a_moved_and_a_doubled_subject(
    tmp_path: Path, edit: tuple[str, str], told: dict[tuple[str, str], tuple[int, int]]
) -> None:
    root = make_project(tmp_path)
    git(root, "init", "-q")
    git(root, "add", "splits.csv")
    git(root, "commit", "-qm", "folds")
    path = root / "splits.csv"
    path.write_text(path.read_text().replace(*edit, 1))
    with connect(root) as connection:
        hand_over(connection, load_profile(root), None, find_first_folds(root))
        frame = read_frame(connection, ROOT, "folds", load_profile(root))
    counts_by_row = {(r.case_id, r.item): (r.n_folds, r.n_moved) for r in frame.itertuples()}
    broken = {row: counts for row, counts in counts_by_row.items() if counts != (1, 0)}
    assert broken == told
    assert "splits.csv" in set(frame["item"])


def test_status_does_not_say_that_an_edit_of_the_folds_is_written_over(tmp_path: Path) -> None:
    root = make_project(tmp_path)
    git(root, "init", "-q")
    (root / "page.md").write_text("edited")
    names = ("splits.csv", "page.md")
    outs = "".join(f"    - {{path: {n}, hash: md5, md5: {'a' * 32}, size: 1}}\n" for n in names)
    stage = "stages:\n  split:\n    cmd: x\n"
    (root / "dvc.lock").write_text(f"schema: '2.0'\n{stage}    outs:\n{outs}")
    listed = "".join(f"    - {name}: {{cache: false}}\n" for name in names)
    (root / "dvc.yaml").write_text(f"{stage}    outs:\n{listed}")
    assert status(root).hand_edits == ["page.md"]
