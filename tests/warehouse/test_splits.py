"""Folds: append-only, balanced, and the same whatever the order."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made.small import make_project

from etl.model.errors import UserError
from etl.warehouse import splits
from etl.warehouse.splits import FOLDS, Subject, assign

subjects = st.lists(
    st.builds(
        Subject,
        case_id=st.integers(1000, 1400).map("ISPY1_{}".format),
        subtype=st.sampled_from([None, "TN", "HER2+"]),
        pcr=st.sampled_from([None, True, False]),
        dataset=st.sampled_from(["a", "b"]),
    ),
    max_size=60,
    unique_by=lambda subject: subject.case_id,
)


@given(subjects)
def test_strata_and_data_sets_are_balanced_when_built_at_once(cases: list[Subject]) -> None:
    given_folds = assign([], cases)
    assert {a.subject for a in given_folds} == set(cases)
    for group in {s.stratum for s in cases}:
        sizes = Counter(a.fold for a in given_folds if a.subject.stratum == group)
        counts = [sizes[fold] for fold in range(FOLDS)]
        assert max(counts) - min(counts) <= 1


@given(subjects, st.randoms(use_true_random=False))
def test_order_does_not_matter(cases: list[Subject], rng: random.Random) -> None:
    shuffled = cases.copy()
    rng.shuffle(shuffled)
    assert assign([], shuffled) == assign([], cases)


@given(subjects, st.integers(0, 60))
def test_nobody_moves(cases: list[Subject], cut: int) -> None:
    first = assign([], cases[:cut])
    added = assign(first, cases)
    assert {a.subject for a in added} == set(cases[cut:])
    assert assign([*first, *added], cases) == []


@given(subjects, st.integers(0, 60))
def test_a_changed_outcome_moves_nobody(cases: list[Subject], cut: int) -> None:
    first = assign([], cases)
    changed = [Subject(s.case_id, "TN", pcr=not s.pcr, dataset=s.dataset) for s in cases[:cut]]
    assert assign(first, changed) == []


def test_a_new_subject_goes_to_the_emptiest_fold_of_its_stratum() -> None:
    old = [Subject(f"ISPY1_{n}", "TN", pcr, "a") for n, pcr in enumerate([True] * 5 + [None] * 2)]
    kept = [a for a in assign([], old) if a.fold != 3 or a.subject.pcr is None]
    new = Subject("ISPY1_9", "TN", pcr=True, dataset="a")
    assert [a.fold for a in assign(kept, [new])] == [3]


def test_ties_go_to_the_emptiest_fold_of_all_then_the_lowest() -> None:
    first = assign(
        [], [Subject("ISPY1_1", "TN", pcr=True, dataset="a"), Subject("ISPY1_2", "TN", None, "a")]
    )
    assert [a.fold for a in first] == [0, 1]
    assert [
        a.fold for a in assign(first, [Subject("ISPY1_3", "HER2+", pcr=True, dataset="a")])
    ] == [2]


def test_another_data_set_does_not_count() -> None:
    first = assign([], [Subject("ISPY1_9001", "TN", pcr=True, dataset="phantom")])
    assert [
        a.fold for a in assign(first, [Subject("ISPY1_1002", "TN", pcr=True, dataset="real")])
    ] == [0]


def test_update_appends_and_is_idempotent(tmp_path: Path) -> None:
    root = make_project(tmp_path / "p", views=("cohort",))
    path = root / "splits.csv"
    before = path.read_text()
    assert splits.update_splits(root) == 4
    after = path.read_text()
    assert after.startswith(before)
    assert after.splitlines()[2:] == [
        "ISPY1_9002,0,TN,false,ISPY1-PHANTOM",
        "ISPY1_9003,1,,,ISPY1-PHANTOM",
        "ISPY1_9004,2,HER2+,,ISPY1-PHANTOM",
        "ISPY1_9005,4,,,ISPY1-PHANTOM",
    ]
    stamp = path.stat().st_mtime_ns
    assert splits.update_splits(root) == 0
    assert path.stat().st_mtime_ns == stamp


def test_update_makes_the_file(tmp_path: Path) -> None:
    root = make_project(tmp_path / "p", empty=True, views=("cohort",))
    (root / "splits.csv").unlink()
    assert splits.update_splits(root) == 0
    assert (root / "splits.csv").read_text() == "case_id,fold,subtype,pcr,dataset\n"


def test_update_without_tables_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="Run `ispy1 repro`"):
        splits.update_splits(make_project(tmp_path / "p", without=("clinical",), views=("cohort",)))


@pytest.mark.parametrize(
    ("rows", "said"),
    [("ISPY1_9001,5,,,a\n", "expected 0 to 4"), ("ISPY1_9001,1,,,a\n" * 2, "stand twice")],
)
def test_a_damaged_file_is_refused(tmp_path: Path, rows: str, said: str) -> None:
    path = tmp_path / "splits.csv"
    path.write_text(f"case_id,fold,subtype,pcr,dataset\n{rows}")
    with pytest.raises(UserError, match=said):
        splits.read_splits(path)
