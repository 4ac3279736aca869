"""What the tables `clinical` and `outcomes` share: coded sheets of the trial's workbook."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from etl.model.errors import BadInputError
from etl.model.findings import Finding
from etl.read.workbook import A_NUMBER, Sheet, explain_cell, parse_number, read_sheets
from etl.tables.unit import Context, Measured, Row, find_artefact

SUBJECT = "SUBJECTID"
INT64 = 2.0**63
YES_NO: Mapping[int, bool | None] = {0: False, 1: True}
Code = Mapping[int, str | int | bool | None]


@dataclass(frozen=True, slots=True)
class SheetForm:
    """A sheet: its name, and which of our columns comes from which of its own.

    `codes`: column -> (header, documented code -> value). `numbers`, `integers`, `dates`:
    column -> header.
    """

    table: str
    sheet: str
    codes: dict[str, tuple[str, Code]]
    numbers: dict[str, str] = field(default_factory=dict)
    integers: dict[str, str] = field(default_factory=dict)
    dates: dict[str, str] = field(default_factory=dict)

    @property
    def headers(self) -> dict[str, str]:
        """Our column -> the sheet's header."""
        coded = {column: header for column, (header, _) in self.codes.items()}
        return {**coded, **self.numbers, **self.integers, **self.dates}


def read_form(form: SheetForm, context: Context) -> Measured:
    """Return the rows of a sheet, and findings for everything that could not be used."""
    blob = find_artefact(context, "clinical")
    if blob is None:
        return Measured()
    out = Measured()
    sheet = _choose(form, read_sheets(context.file(blob), SUBJECT), out)
    at = _find_columns(form, sheet, out)
    seen: set[str] = set()
    for row_at, (text, number) in enumerate(zip(sheet.texts, sheet.numbers, strict=True)):
        cells = {name: (text[i], number[i], sheet.name_cell(row_at, i)) for name, i in at.items()}
        row = _parse_row(form, cells, context, out, seen)
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


Cells = dict[str, tuple[str | None, float | None, str]]  # header -> text, number, where it stands


def _parse_row(
    form: SheetForm, cells: Cells, context: Context, out: Measured, seen: set[str]
) -> Row | None:
    subject = (cells[SUBJECT][0] or "").strip()
    case_id = context.profile.case_id(subject)
    if case_id is None:
        if subject:
            check = f"unknown_subject:{subject}"
            out.findings.append(_make_finding(form, check, repr(subject), "a subject number"))
        return None
    if case_id in seen:
        out.findings.append(
            _make_finding(form, "duplicate_subject", "a second row", "one row per subject", case_id)
        )
        return None
    seen.add(case_id)
    row: Row = {"case_id": case_id}
    for column, (header, code) in form.codes.items():
        row[column] = _parse_code(form, header, cells, code, (case_id, out))
    for column, header in form.numbers.items():
        row[column] = _number(form, header, cells, (case_id, out))
    for column, header in form.integers.items():
        row[column] = _parse_integer(form, header, cells, (case_id, out))
    for column, header in form.dates.items():
        row[column] = _parse_date(form, header, cells, (case_id, out))
    return row


Where = tuple[str, Measured]


def _number(form: SheetForm, header: str, cells: Cells, where: Where) -> float | None:
    if header not in cells:
        return None
    text, number, cell_name = cells[header]
    try:
        return parse_number(text, number)
    except ValueError:
        observed = f"{text!r} in {cell_name}"
        finding = _make_finding(form, f"not_a_number:{header}", observed, A_NUMBER, where[0])
        cause = explain_cell(text) or finding.likely_cause
        where[1].findings.append(replace(finding, likely_cause=cause))
        return None


def _parse_integer(form: SheetForm, header: str, cells: Cells, where: Where) -> int | None:
    number = _number(form, header, cells, where)
    if number is None or (number.is_integer() and abs(number) < INT64):
        return None if number is None else int(number)
    where[1].findings.append(
        _make_finding(form, f"not_an_integer:{header}", f"{number}", "a whole number", where[0])
    )
    return None


def _parse_code(
    form: SheetForm, header: str, cells: Cells, code: Code, where: Where
) -> str | int | bool | None:
    number = _number(form, header, cells, where)
    if number is None:
        return None
    if number in code:
        return code[int(number)]
    expected = "one of " + ", ".join(map(str, code))
    where[1].findings.append(
        _make_finding(form, f"undocumented_code:{header}", f"{number:g}", expected, where[0])
    )
    return None


def _parse_date(form: SheetForm, header: str, cells: Cells, where: Where) -> dt.date | None:
    text = (cells[header][0] or "").strip() if header in cells else ""
    if not text:
        return None
    try:
        return dt.date.fromisoformat(text[:10])
    except ValueError:
        where[1].findings.append(
            _make_finding(form, f"not_a_date:{header}", repr(text), "a date", where[0])
        )
        return None


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
