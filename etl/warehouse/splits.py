"""Five folds by subject, in splits.csv under git. Append-only: a subject never moves."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from etl.model import git_tables
from etl.model.errors import UserError
from etl.model.store import write_text
from etl.versions import git

FOLDS = 5
QUERY = "select case_id, subtype, pcr, dataset from cohort order by case_id"


@dataclass(frozen=True, slots=True)
class Subject:
    """One subject and the stratum that it belonged to when its fold was given."""

    case_id: str
    subtype: str | None
    pcr: bool | None
    dataset: str

    @property
    def stratum(self) -> tuple[str, str | None, bool | None]:
        """Data set, subtype and pCR; unknown is a value of its own."""
        return (self.dataset, self.subtype, self.pcr)


@dataclass(frozen=True, slots=True)
class Assignment:
    """A subject and its fold, 0 to 4."""

    subject: Subject
    fold: int

    @property
    def row(self) -> tuple[git_tables.Value, ...]:
        """The row of splits.csv."""
        subject = self.subject
        return (subject.case_id, self.fold, subject.subtype, subject.pcr, subject.dataset)


def assign(assigned: Sequence[Assignment], subjects: Iterable[Subject]) -> list[Assignment]:
    """Return the folds of the subjects that have none yet, in order of their ids.

    Each goes to the fold that holds fewest of its stratum; among those to the one that holds
    fewest of its data set, then to the lowest. What was given stays.
    """
    in_stratum = Counter((a.subject.stratum, a.fold) for a in assigned)
    in_dataset = Counter((a.subject.dataset, a.fold) for a in assigned)
    case_ids = {a.subject.case_id for a in assigned}
    new = sorted((s for s in subjects if s.case_id not in case_ids), key=lambda s: s.case_id)
    added = []
    for subject in new:
        fold = min(
            range(FOLDS),
            key=lambda f: (in_stratum[subject.stratum, f], in_dataset[subject.dataset, f], f),
        )
        in_stratum[subject.stratum, fold] += 1
        in_dataset[subject.dataset, fold] += 1
        added.append(Assignment(subject, fold))
    return added


def update_splits(root: Path) -> int:
    """Give every case of the release a fold in splits.csv; return how many were added.

    Raises:
        UserError: splits.csv is damaged, a subject moved, or the tables are not built.
    """
    path = root / git_tables.CSV_FILES["splits"]
    assigned = read_splits(path)
    _refuse_moves(root, assigned)
    added = assign(assigned, _read_cohort(root))
    if added or not path.is_file():
        text = git_tables.format_csv(git_tables.SPLITS, tuple(a.row for a in (*assigned, *added)))
        write_text(path, text)
    return len(added)


def read_splits(path: Path) -> list[Assignment]:
    """Return the folds that were given; none where there is no file.

    Raises:
        UserError: the file does not have its form, a fold is not one of five, or an id is double.
    """
    assigned = []
    for case_id, fold, subtype, pcr, dataset in git_tables.read_csv_input(git_tables.SPLITS, path):
        if not isinstance(fold, int) or fold not in range(FOLDS):
            message = f"{path}: {case_id} has fold {fold}; expected 0 to {FOLDS - 1}. Correct it."
            raise UserError(message)
        subtype_name = None if subtype is None else str(subtype)
        assigned.append(
            Assignment(Subject(str(case_id), subtype_name, _parse_flag(pcr), str(dataset)), fold)
        )
    doubles = [case for case, n in Counter(a.subject.case_id for a in assigned).items() if n > 1]
    if doubles:
        message = f"{path}: {', '.join(doubles)} stand twice; a subject has one fold. Correct it."
        raise UserError(message)
    return assigned


def find_first_folds(root: Path) -> dict[tuple[str, str], str]:
    """Return data set and subject -> the first fold that git's history of splits.csv has."""
    first = dict[tuple[str, str], str]()
    for content in git.read_history_of(root, git_tables.CSV_FILES["splits"]):
        for row in csv.DictReader(content.decode("utf-8-sig", "replace").splitlines()):
            key = row.get("dataset") or "", row.get("case_id") or ""
            first.setdefault(key, row.get("fold") or "")
    return first


def _refuse_moves(root: Path, assigned: Sequence[Assignment]) -> None:
    """Refuse folds that differ from the first that git's history of splits.csv has."""
    path, first = git_tables.CSV_FILES["splits"], find_first_folds(root)
    keyed = [((a.subject.dataset, a.subject.case_id), a.fold) for a in assigned]
    moved = [
        (key[1], first[key], fold) for key, fold in keyed if first.get(key, str(fold)) != str(fold)
    ]
    if moved:
        moves = ", ".join(
            f"{case} was in fold {was} and is in {now}" for case, was, now in moved[:5]
        )
        message = (
            f"{root / path}: {moves} ({len(moved)} in all). A subject never moves: results by fold "
            "could not be compared. Set it back, or run `git checkout splits.csv`."
        )
        raise UserError(message)


def _parse_flag(value: git_tables.Value) -> bool | None:
    return None if value is None else bool(value)


def _read_cohort(root: Path) -> list[Subject]:
    import duckdb

    from etl.warehouse.connect import connect

    try:
        rows = connect(root).execute(QUERY).fetchall()
    except duckdb.CatalogException as error:
        message = "The folds need the tables cases, clinical and outcomes. Run `ispy1 repro`."
        raise UserError(message) from error
    return [Subject(*row) for row in rows]
