"""The whole phantom: cases in parallel, then workbooks, texts and truth, then one rename."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from etl.model.errors import UserError
from etl.model.feature_names import NAMES
from etl.model.pool import count_workers, spread
from etl.phantom import acquisitions, clinical, papers, planted
from etl.phantom import cases as one_case
from etl.phantom import truth as the_truth
from etl.phantom.acquisitions import Person
from etl.phantom.cases import Job, Made
from etl.phantom.clinical import Subject
from etl.phantom.grids import SCALES
from etl.phantom.truth import Row

Progress = Callable[[int, int, str], None]

FEATURES_WORKBOOK = "ISPY_DataPaper_features.xlsx"
_MOST_CASES = 999  # ids have four digits and begin at 9001


def make(  # noqa: PLR0913  two places, three parameters, two ways of running
    release: Path,
    truth: Path,
    *,
    cases: int = 12,
    seed: int = 1,
    scale: str = "demo",
    workers: int = 0,
    progress: Progress | None = None,
) -> None:
    """Make a synthetic release and the truth about it.

    The release is written beside its place and renamed, so that no half of one is ever there.
    The same `cases`, `seed` and `scale` give the same bytes, whatever the number of workers.

    Args:
        release: folder to make; an older phantom in its place is replaced.
        truth: Parquet file to write: case_id, subject, quantity, value.
        cases: number of cases, ISPY1_9001 onward.
        seed: number that decides everything drawn.
        scale: `demo` (smallest sizes of the size contract) or `full` (the public card's sizes).
        workers: processes; 0 for as many as cores, 1 for none but this one.
        progress: called after each case with how many are done, how many there are, its id.

    Raises:
        UserError: a parameter is out of range, the folder is no phantom, or a worker died.
    """
    _check(release, cases, seed, scale, workers)
    release, truth = release.absolute(), truth.absolute()
    fresh = release.with_name(f".{release.name}.partial")
    _remove(fresh)
    fresh.mkdir(parents=True)
    truth.parent.mkdir(parents=True, exist_ok=True)
    jobs = [Job(index, seed, scale, fresh) for index in range(cases)]
    try:
        made_cases = _run(jobs, workers or count_workers(), progress)
        rows = _finish(fresh, made_cases, seed, papers.format_readme(cases, seed, scale))
        rows += [row for case in made_cases for row in case.rows] + the_truth.describe_features()
        the_truth.write(truth, rows)
        _swap(fresh, release)
    finally:
        _remove(fresh)


def _check(release: Path, cases: int, seed: int, scale: str, workers: int) -> None:
    if not all(isinstance(number, int) for number in (cases, seed, workers)):
        message = f"phantom: cases {cases!r}, seed {seed!r}; expected numbers. Change params.yaml."
        raise UserError(message)
    if not 1 <= cases <= _MOST_CASES:
        message = f"phantom: cases is {cases}, expected 1 to {_MOST_CASES}. Change params.yaml."
        raise UserError(message)
    if scale not in SCALES:
        message = f"phantom: scale is {scale!r}, expected demo or full. Change params.yaml."
        raise UserError(message)
    if seed < 0 or workers < 0:
        message = f"phantom: seed is {seed}, workers {workers}; expected numbers from 0 upward."
        raise UserError(message)
    if release.exists() and not _is_phantom(release):
        message = (
            f"phantom: {release} is there and is not a phantom, so it is not replaced. "
            "Move it away or choose another folder."
        )
        raise UserError(message)


def _is_phantom(folder: Path) -> bool:
    """Return whether a folder may be replaced: it is empty, or its README says it is a phantom."""
    if not folder.is_dir():
        return False
    readme = folder / papers.README
    if readme.is_file():
        return readme.read_text("utf-8", errors="replace").startswith(papers.MARK)
    return not any(folder.iterdir())


def _run(jobs: list[Job], workers: int, progress: Progress | None) -> list[Made]:
    """Return what was made, in the order of the cases."""
    done: list[Made] = []
    for case in spread(one_case.make, jobs, workers, _report_death):
        done.append(case)
        if progress:
            progress(len(done), len(jobs), case.case_id)
    return done


def _report_death(job: Job) -> Made:
    message = f"phantom: the worker of case {job.index} died. Run again with ISPY1_WORKERS=1."
    raise UserError(message)


def _finish(root: Path, made_cases: list[Made], seed: int, readme: str) -> list[Row]:
    """Write workbooks, slice, texts and manifest; return the truth about wrong values and slice."""
    table, wrong = planted.add_wrong_values(made_cases, seed)
    _write_features(root / FEATURES_WORKBOOK, made_cases, table)
    subjects = [case.subject for case in made_cases]
    subjects += clinical.draw_outsiders(subjects[-1].number, seed)
    clinical.write(root / clinical.WORKBOOK, subjects, seed)
    series, rows = acquisitions.make(_list_people(subjects, len(made_cases), seed), seed)
    acquisitions.write(root / acquisitions.SLICE, series)
    sums = {path: md5 for case in made_cases for path, md5 in case.sums.items()}
    for name, text in (
        (papers.MANIFEST, papers.format_manifest(sums)),
        (papers.PARAMETERS, papers.PARAMETERS_TEXT),
        (papers.README, readme),
        (papers.LICENCE, papers.LICENCE_TEXT),
    ):
        (root / name).write_text(text, "utf-8", newline="\n")
    return rows + wrong


def _list_people(subjects: list[Subject], n_cases: int, seed: int) -> list[Person]:
    """Return the subjects of the clinical workbook, and one more that only the slice knows."""
    people = [
        Person(subject.number, clinical.draw_age(subject, seed), in_release=at < n_cases)
        for at, subject in enumerate(subjects)
    ]
    return [*people, Person(people[-1].number + 1, None, in_release=False)]


def _write_features(path: Path, made_cases: list[Made], table: planted.Table) -> None:
    book = clinical.open_workbook(path)
    sheet = book.add_worksheet()
    sheet.write_row(0, 0, ("SubjectID", *NAMES))
    for row, (case, values) in enumerate(zip(made_cases, table, strict=True), start=1):
        sheet.write_row(row, 0, (case.subject.number, *values))
    book.close()


def _swap(fresh: Path, release: Path) -> None:
    """Put the new release in place of the old one."""
    old = release.with_name(f".{release.name}.old")
    _remove(old)
    if release.exists():
        release.rename(old)
    fresh.rename(release)
    _remove(old)


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
