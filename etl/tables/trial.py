"""What the tables `clinical` and `outcomes` share: coded sheets of the trial's workbook."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from etl.model.errors import BadInputError
from etl.model.findings import Finding
from etl.read.workbook import A_NUMBER, Sheet, explain_cell, parse_number, read_sheets
from etl.tables.unit import Context, Measured, Row, find_artefact

SUBJECT = "SUBJECTID"
INT64 = 2.0**63
YES_NO: Mapping[int, bool | None] = {0: False, 1: True}
Code = Mapping[int, str | int | bool | None]
Cell = tuple[str | None, float | None, str]  # its text, its number, where it stands


@dataclass(frozen=True, slots=True)
class SheetForm:
    """A sheet: its name, and which of our columns comes from which of its own.

    `cells`: column -> (the sheet's header, how a cell is read).
    """

    table: str
    sheet: str
    cells: Mapping[str, tuple[str, Callable[[Cell], object]]]

    @property
    def headers(self) -> dict[str, str]:
        """Our column -> the sheet's header."""
        return {column: header for column, (header, _) in self.cells.items()}


def read_form(form: SheetForm, context: Context) -> Measured:
    """Return the rows of a sheet, and findings for everything that could not be used."""
    blob = find_artefact(context, "clinical")
    if blob is None:
        return Measured()
    out = Measured()
    sheet = _choose(form, read_sheets(context.file(blob), SUBJECT), out)
    at = _find_columns(form, sheet, out)
    subjects: set[str] = set()
    for row_at, (text, number) in enumerate(zip(sheet.texts, sheet.numbers, strict=True)):
        cells = {name: (text[i], number[i], sheet.name_cell(row_at, i)) for name, i in at.items()}
        row = _parse_row(form, cells, context, out, subjects)
        if row:
            out.rows.append(row)
    return out


def _choose(form: SheetForm, sheets: list[Sheet], out: Measured) -> Sheet:
    """Return the sheet by its name, else the one whose header fits best (a renamed sheet)."""
    for sheet in sheets:
        if sheet.name == form.sheet and SUBJECT in sheet.header:
            return sheet
    headers = set(form.headers.values()) - {"DataExtractDt"}
    best = max(sheets, key=lambda s: len(headers & set(s.header)), default=None)
    if best is None or SUBJECT not in best.header or not headers & set(best.header):
        raise BadInputError(
            "sheet_missing",
            observed=", ".join(s.name for s in sheets) or "no sheet",
            expected=f"a sheet {form.sheet!r} with a column {SUBJECT}",
            likely_cause="a blank or edited workbook",
            fix="Download the clinical workbook again and adopt it.",
        )
    out.findings.append(
        _make_finding(
            form, "sheet_renamed", f"sheet {best.name!r}", f"{form.sheet!r}", None, "warning"
        )
    )
    return best


def _find_columns(form: SheetForm, sheet: Sheet, out: Measured) -> dict[str, int]:
    """Return header -> position; a finding for every column that is missing."""
    at = {name: i for i, name in reversed(list(enumerate(sheet.header))) if name}
    for header in form.headers.values():
        if header not in at:
            out.findings.append(
                _make_finding(
                    form, f"missing_column:{header}", "no such column", f"column {header}"
                )
            )
    return at


class _BadCellError(Exception):
    """A cell that cannot be used, in the words of the finding that it becomes."""

    def __init__(self, check: str, observed: str, expected: str, cause: str | None = None) -> None:
        super().__init__(observed)
        self.check, self.observed, self.expected, self.cause = check, observed, expected, cause


def _parse_row(
    form: SheetForm, cells: dict[str, Cell], context: Context, out: Measured, subjects: set[str]
) -> Row | None:
    subject = (cells[SUBJECT][0] or "").strip()
    case_id = context.profile.case_id(subject)
    if case_id is None:
        if subject:
            check = f"unknown_subject:{subject}"
            out.findings.append(_make_finding(form, check, repr(subject), "a subject number"))
        return None
    if case_id in subjects:
        out.findings.append(
            _make_finding(form, "duplicate_subject", "a second row", "one row per subject", case_id)
        )
        return None
    subjects.add(case_id)
    row: Row = {"case_id": case_id}
    for column, (header, parse) in form.cells.items():
        try:
            row[column] = parse(cells[header]) if header in cells else None
        except _BadCellError as error:
            row[column] = None
            check = f"{error.check}:{header}"
            finding = _make_finding(form, check, error.observed, error.expected, case_id)
            cause = error.cause or finding.likely_cause
            out.findings.append(replace(finding, likely_cause=cause))
    return row


def parse_float(cell: Cell) -> float | None:
    """Return the number in a cell, None where it is blank."""
    text, number, cell_name = cell
    try:
        return parse_number(text, number)
    except ValueError as error:
        observed = f"{text!r} in {cell_name}"
        raise _BadCellError("not_a_number", observed, A_NUMBER, explain_cell(text)) from error


def parse_integer(cell: Cell) -> int | None:
    """Return the whole number in a cell, None where it is blank."""
    number = parse_float(cell)
    if number is None:
        return None
    if not number.is_integer() or abs(number) >= INT64:
        raise _BadCellError("not_an_integer", f"{number}", "a whole number")
    return int(number)


def parse_code(code: Code, cell: Cell) -> str | int | bool | None:
    """Return what the documented code in a cell means, None where it is blank."""
    number = parse_float(cell)
    if number is None:
        return None
    if number not in code:
        expected = "one of " + ", ".join(map(str, code))
        raise _BadCellError("undocumented_code", f"{number:g}", expected)
    return code[int(number)]


def parse_date(cell: Cell) -> dt.date | None:
    """Return the day in a cell, None where it is blank."""
    text = (cell[0] or "").strip()
    try:
        return dt.date.fromisoformat(text[:10]) if text else None
    except ValueError as error:
        raise _BadCellError("not_a_date", repr(text), "a date") from error


def _make_finding(
    form: SheetForm,
    check: str,
    observed: str,
    expected: str,
    case_id: str | None = None,
    severity: str = "critical",
) -> Finding:
    return Finding(
        table=form.table,
        severity="warning" if severity == "warning" else "critical",
        check=check,
        observed=observed,
        expected=expected,
        likely_cause="the workbook was edited by hand, or the publisher changed its form",
        fix="Download the clinical workbook again; a fault of the publisher's own goes into "
        "expectations/known_issues.csv.",
        case_id=case_id,
    )
