"""The clinical workbook: four sheets in the form of the real one, invented subjects.

Rows are drawn per subject. Blanks are placed by number, so that a dozen subjects show them all.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from etl.phantom import dictionaries
from etl.phantom.grids import Draw, is_one_in, make_stream

WORKBOOK = "I-SPY 1 All Patient Clinical and Outcome Data.xlsx"
OUTSIDE_RELEASE = 4

CLINICAL_COLUMNS = (
    "SUBJECTID", "DataExtractDt", "age", "race_id", "ERpos", "PgRpos", "HR Pos", "Her2MostPos",
    "HR_HER2_CATEGORY", "HR_HER2_STATUS", "BilateralCa", "Laterality", "MRI LD Baseline",
    "MRI LD 1-3dAC", "MRI LD InterReg", "MRI LD PreSurg",
)  # fmt: skip
OUTCOME_COLUMNS = ("SUBJECTID", "DataExtractDt", "sstat", "survDtD2 (tx)", "RFS", "rfs_ind",
                   "PCR", "RCBClass")  # fmt: skip

_WRITTEN = datetime(2000, 1, 1)  # noqa: DTZ001  a workbook's dates have no zone
_EXTRACTED = datetime(2009, 9, 3)  # noqa: DTZ001
_DATE, _CATEGORY, _STATUS = 1, 8, 9  # columns
_STATUS_TEXT = {" ": " ", 1: "HRposHER2neg", 2: "HER2pos", 3: "TripleNeg"}
_CATEGORY_FORMULA = '=IF(ISBLANK(H{0}),"",IF(H{0}, 2, IF(G{0},1,3)))'
_STATUS_FORMULA = '=IF(ISBLANK(H{0}),"",IF(H{0},"HER2pos",IF(G{0},"HRposHER2neg","TripleNeg")))'
_ALIVE, _DEAD, _LOST = 7, 8, 9
_LD_MM = (19, 184)  # what baseline spans in the real workbook

Cell = int | float | None


@dataclass(frozen=True, slots=True)
class Subject:
    """What the rows of a subject must agree with: side and longest diameter of the tumour."""

    number: int
    is_right: bool
    diameter_mm: float


def draw_outsiders(last: int, seed: int) -> list[Subject]:
    """Return trial subjects who are not in the release: the numbers after `last`."""
    subjects = []
    for number in range(last + 1, last + 1 + OUTSIDE_RELEASE):
        rng = make_stream(seed, number, Draw.PLAN)
        subjects.append(Subject(number, bool(rng.integers(2)), float(rng.uniform(*_LD_MM))))
    return subjects


def write(path: Path, subjects: list[Subject], seed: int) -> None:
    """Write the workbook; the same subjects give the same bytes."""
    book = open_workbook(path)
    date = book.add_format({"num_format": "mm/dd/yyyy"})
    _write_dictionary(book.add_worksheet("Clinical Data Dictionary"), dictionaries.CLINICAL)
    clinical = book.add_worksheet("TCIA Patient Clinical Subset")
    _write_dictionary(book.add_worksheet("Outcome Data Dictionary"), dictionaries.OUTCOMES)
    outcomes = book.add_worksheet("TCIA Outcomes Subset")
    clinical.write_row(0, 0, CLINICAL_COLUMNS)
    outcomes.write_row(0, 0, OUTCOME_COLUMNS)
    for row, subject in enumerate(subjects, start=1):
        rng, burden = _draw_subject(subject, seed)
        cells = _make_clinical_row(subject, burden, rng)
        _write_row(clinical, row, cells, date)
        _write_subtype(clinical, row, cells)
        _write_row(outcomes, row, _make_outcome_row(subject, burden, rng), date)
    for column in range(len(CLINICAL_COLUMNS)):
        clinical.write_blank(len(subjects) + 1, column, None, date)  # the real sheet ends so
    book.close()


def open_workbook(path: Path) -> xlsxwriter.Workbook:
    """Return a new workbook that says of itself what it is, and not when it was written."""
    book = xlsxwriter.Workbook(str(path), {"in_memory": True})
    book.set_properties({"created": _WRITTEN, "title": "Synthetic phantom"})
    return book


def draw_age(subject: Subject, seed: int) -> float:
    """Return the age that the workbook gives a subject."""
    rng, _ = _draw_subject(subject, seed)
    return _draw_years(rng)


def _draw_subject(subject: Subject, seed: int) -> tuple[np.random.Generator, int]:
    """Return a subject's random stream and residual cancer burden: 0 is a complete response."""
    rng = make_stream(seed, subject.number, Draw.CLINICAL)
    return rng, int(rng.choice([0, 0, 1, 2, 2, 2, 3]))


def _draw_years(rng: np.random.Generator) -> float:
    """Return the age: it is drawn right after the burden."""
    return round(float(np.clip(rng.normal(49, 9), 25, 80)), 2)


def _write_dictionary(sheet: Worksheet, lines: dictionaries.Lines) -> None:
    """Write text in columns B to D, as the real dictionaries have it."""
    for row, line in enumerate(lines):
        for column, text in enumerate(line, start=1):
            if text:
                sheet.write_string(row, column, text)


def _write_row(sheet: Worksheet, row: int, cells: list[Cell], date: Format) -> None:
    for column, cell in enumerate(cells):
        if column == _DATE:
            sheet.write_datetime(row, column, _EXTRACTED, date)
        elif cell is not None:
            sheet.write_number(row, column, cell)


def _write_subtype(sheet: Worksheet, row: int, cells: list[Cell]) -> None:
    """Write the two formula cells, with the value that a spreadsheet program would cache."""
    hr, her2 = cells[6], cells[7]
    category: int | str = " "  # xlsxwriter writes an empty text as a formula without a value
    if her2 is not None:
        category = 2 if her2 else (1 if hr else 3)
    sheet.write_formula(row, _CATEGORY, _CATEGORY_FORMULA.format(row + 1), None, category)
    status = _STATUS_TEXT[category]
    sheet.write_formula(row, _STATUS, _STATUS_FORMULA.format(row + 1), None, status)


def _make_clinical_row(subject: Subject, burden: int, rng: np.random.Generator) -> list[Cell]:
    age = _draw_years(rng)
    race = int(rng.choice([1, 1, 1, 1, 1, 1, 3, 3, 4, 5, 6, 50]))
    bilateral = int(rng.integers(20) == 0)
    side = 2 if subject.is_right else 1
    receptors = _draw_receptors(subject, rng)
    diameters = _draw_diameters(subject, burden, rng)
    return [subject.number, None, age, race, *receptors, None, None, bilateral, side, *diameters]


def _draw_receptors(subject: Subject, rng: np.random.Generator) -> list[Cell]:
    """Return ER, PgR, HR, HER2. HR is positive where either receptor is."""
    er = int(rng.random() < 0.57)  # noqa: PLR2004  about the trial's rates, here and below
    pgr = int(rng.random() < (0.75 if er else 0.06))
    her2: Cell = int(rng.random() < 0.3)  # noqa: PLR2004
    if is_one_in(subject.number, 9, 5):
        her2 = None
    if is_one_in(subject.number, 13, 8):
        return [None, None, None, None]
    return [er, pgr, int(er or pgr), her2]


def _draw_diameters(subject: Subject, burden: int, rng: np.random.Generator) -> list[Cell]:
    """Return the longest diameter in MRI at four times, whole mm; 0: no tumour is left to see."""
    baseline = round(float(np.clip(subject.diameter_mm, 8, 184)))
    shares = np.cumprod(rng.uniform(0.45, 1.0, 3))
    later: list[Cell] = [round(baseline * float(share)) for share in shares]
    if burden == 0:
        later[2] = 0
    if is_one_in(subject.number, 7, 2):
        later[0] = None
    if is_one_in(subject.number, 11, 7):
        later[1] = later[2] = None
    return [baseline, *later]


def _make_outcome_row(subject: Subject, burden: int, rng: np.random.Generator) -> list[Cell]:
    """Make the row: survival counts from study entry, RFS from the start of chemotherapy."""
    has_event = bool(rng.random() < (0.12 if burden == 0 else 0.32))
    survival = int(rng.integers(500, 2800))
    delay = int(rng.integers(-3, 20))
    rfs = int(survival * rng.uniform(0.3, 0.95)) if has_event else survival - delay
    status = _DEAD if has_event and rng.random() < 0.6 else _ALIVE  # noqa: PLR2004
    if status == _ALIVE and is_one_in(subject.number, 15, 3):
        status = _LOST
    pcr: Cell = int(burden == 0)
    rcb: Cell = burden
    if is_one_in(subject.number, 10, 6):
        pcr = rcb = None
    if is_one_in(subject.number, 7, 4):
        rcb = None
    return [subject.number, None, status, survival, rfs, int(has_event), pcr, rcb]
