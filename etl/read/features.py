"""Published features: the workbook of the release, or CaPTk's own CSV files (long and wide)."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from functools import partial

from etl.model.errors import BadInputError
from etl.read.source import Source, measure_size, open_text
from etl.read.workbook import Sheet, read_sheets

SUBJECT = "SubjectID"
_LONG = (SUBJECT, "Modality", "ROILabel", "FeatureFamily", "Feature", "Value", "Parameters")
MAX_CSV_BYTES = 256 * 2**20
_DECIMAL_COMMA = re.compile(r"[-+]?[0-9]+,[0-9]+(?:[eE][-+]?[0-9]+)?")


@dataclass(frozen=True, slots=True)
class FeatureSheet:
    """Feature names in file order, and per row the subject and its cells (text, number).

    `columns`: where each name stands in `sheet`. `note`: what the file does not share with CaPTk's.
    """

    names: tuple[str, ...]
    subjects: tuple[str, ...]
    cells: tuple[tuple[tuple[str | None, float | None], ...], ...]
    sheet: Sheet
    columns: tuple[int, ...]
    note: str | None = None

    def name_cell(self, row: int, column: int) -> str:
        """Return sheet and cell of a subject's feature, by positions in `subjects` and `names`."""
        return self.sheet.name_cell(row, self.columns[column])


def read_features(source: Source) -> FeatureSheet:
    """Return the feature table of the sheet that has a SubjectID, or of a CaPTk CSV file.

    Raises:
        BadInputError: unreadable, blank, or without a SubjectID column.
    """
    sheet, note = _read_csv_sheet(source) if source.suffix == ".csv" else (_choose(source), None)
    at = sheet.header.index(SUBJECT)
    positions = [i for i, name in enumerate(sheet.header) if i != at and name]
    return FeatureSheet(
        names=tuple(sheet.header[i] for i in positions),
        subjects=tuple((row[at] or "").strip() for row in sheet.texts),
        cells=tuple(
            tuple((text[i], number[i]) for i in positions)
            for text, number in zip(sheet.texts, sheet.numbers, strict=True)
        ),
        sheet=sheet,
        columns=tuple(positions),
        note=note,
    )


def _choose(source: Source) -> Sheet:
    sheets = read_sheets(source, SUBJECT)
    chosen = next((sheet for sheet in sheets if SUBJECT in sheet.header), None)
    if chosen is None:
        first_cells = [cell for sheet in sheets for cell in sheet.header[:3]]
        raise _report_no_subject(observed=", ".join(first_cells[:3]) or "a blank workbook")
    return chosen


_report_no_subject = partial(
    BadInputError, "features_unreadable",
    expected=f"a sheet whose header has {SUBJECT}",
    likely_cause="a blank or edited workbook",
    fix="Download the features workbook again and adopt it.",
)  # fmt: skip


def _read_csv_sheet(source: Source) -> tuple[Sheet, str | None]:
    try:
        if (size := measure_size(source)) > MAX_CSV_BYTES:
            raise _report_no_subject(observed=f"{size} bytes")
        with open_text(source, "utf-8-sig") as file:
            first = file.readline()
            has_semicolons = first.count(";") > first.count(",")
            file.seek(0)
            lines = csv.reader(file, delimiter=";" if has_semicolons else ",")
            rows = [(lines.line_num, row) for row in lines if any(cell.strip() for cell in row)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise _report_no_subject(observed=str(error)) from error
    header = tuple(cell.strip() for cell in rows[0][1]) if rows else ()
    numbers, cells = [number for number, _ in rows[1:]], [row for _, row in rows[1:]]
    if has_semicolons:
        cells = [[_replace_comma(cell) for cell in row] for row in cells]
    if header == _LONG:
        header, cells = _widen(cells)
        numbers = list(range(1, len(cells) + 1))  # of subjects: a row comes from many lines
    if SUBJECT not in header:
        raise _report_no_subject(observed=", ".join(header[:3]) or "a blank file")
    texts = tuple(tuple((row + [None] * len(header))[: len(header)]) for row in cells)
    none = tuple((None,) * len(header) for _ in texts)
    note = "semicolons between the cells, a comma for the decimal point" if has_semicolons else None
    return Sheet(source.name, header, tuple(numbers), texts, none), note


def _replace_comma(cell: str) -> str:
    """Return a number of a European Excel with a decimal point; any other text as it is."""
    return cell.replace(",", ".") if _DECIMAL_COMMA.fullmatch(cell.strip()) else cell


def _widen(rows: list[list[str]]) -> tuple[tuple[str, ...], list[list[str]]]:
    """Widen CaPTk's long form: `<Modality>_<ROI>_<Family>[_<Parameters>]_<Feature>`."""
    names: dict[str, None] = {}
    values: dict[str, dict[str, str]] = {}
    for subject, modality, roi, family, feature, value, *rest in (r for r in rows if len(r) > 5):  # noqa: PLR2004
        parameters = [rest[0]] if rest and rest[0] else []
        name = "_".join([modality, roi, family, *parameters, feature])
        names[name] = None
        values.setdefault(subject, {})[name] = value
    table = [
        [subject, *(values_by_name.get(n, "") for n in names)]
        for subject, values_by_name in values.items()
    ]
    return (SUBJECT, *names), table
