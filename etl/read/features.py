"""Published features: the workbook of the release, or CaPTk's own CSV files (long and wide)."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from etl.errors import BadInputError
from etl.read.workbook import Sheet, read_sheets

SUBJECT = "SubjectID"
_LONG = (SUBJECT, "Modality", "ROILabel", "FeatureFamily", "Feature", "Value", "Parameters")
MAX_CSV_BYTES = 256 * 2**20


@dataclass(frozen=True, slots=True)
class FeatureSheet:
    """Feature names in file order, and per row the subject and its cells (text, number)."""

    names: tuple[str, ...]
    subjects: tuple[str, ...]
    cells: tuple[tuple[tuple[str | None, float | None], ...], ...]


def read_features(path: Path) -> FeatureSheet:
    """The feature table of a workbook's first sheet, or of a CaPTk CSV file.

    Raises:
        BadInputError: unreadable, blank, or without a SubjectID column.
    """
    sheet = _csv_sheet(path) if path.suffix == ".csv" else _first(read_sheets(path))
    if SUBJECT not in sheet.header:
        found = ", ".join(sheet.header[:3]) or "a blank sheet"
        raise _no_subject(found)
    at = sheet.header.index(SUBJECT)
    wanted = [i for i, name in enumerate(sheet.header) if i != at and name]
    return FeatureSheet(
        names=tuple(sheet.header[i] for i in wanted),
        subjects=tuple((row[at] or "").strip() for row in sheet.texts),
        cells=tuple(
            tuple((text[i], number[i]) for i in wanted)
            for text, number in zip(sheet.texts, sheet.numbers, strict=True)
        ),
    )


def _first(sheets: list[Sheet]) -> Sheet:
    if not sheets:
        raise _no_subject("no sheet")
    return sheets[0]


def _no_subject(observed: str) -> BadInputError:
    return BadInputError(
        "features_unreadable",
        observed=observed,
        expected=f"a header row with {SUBJECT} on the first sheet",
        likely_cause="a blank or edited workbook",
        fix="Download the features workbook again and adopt it.",
    )


def _csv_sheet(path: Path) -> Sheet:
    try:
        if path.stat().st_size > MAX_CSV_BYTES:
            raise _no_subject(f"{path.stat().st_size} bytes")
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [row for row in csv.reader(file) if any(cell.strip() for cell in row)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise _no_subject(str(error)) from error
    header = tuple(cell.strip() for cell in rows[0]) if rows else ()
    if header == _LONG:
        header, rows = _widened(rows[1:])
    else:
        rows = rows[1:]
    texts = tuple(tuple(_padded(row, len(header))) for row in rows)
    return Sheet(path.name, header, texts, tuple((None,) * len(header) for _ in texts))


def _padded(row: list[str], width: int) -> Iterator[str | None]:
    yield from row[:width]
    yield from [None] * (width - len(row))


def _widened(rows: list[list[str]]) -> tuple[tuple[str, ...], list[list[str]]]:
    """CaPTk's long form to its wide one: `<Modality>_<ROI>_<Family>[_<Parameters>]_<Feature>`."""
    names: dict[str, None] = {}
    values: dict[str, dict[str, str]] = {}
    for subject, modality, roi, family, feature, value, *rest in (r for r in rows if len(r) > 5):  # noqa: PLR2004
        parameters = [rest[0]] if rest and rest[0] else []
        name = "_".join([modality, roi, family, *parameters, feature])
        names[name] = None
        values.setdefault(subject, {})[name] = value
    table = [[subject, *(found.get(n, "") for n in names)] for subject, found in values.items()]
    return (SUBJECT, *names), table
