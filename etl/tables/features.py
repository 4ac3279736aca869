"""The table `features`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from etl.model.errors import BadInputError
from etl.model.feature_names import correct_name
from etl.model.findings import Finding
from etl.model.profile import Profile
from etl.model.schema import CASE_ID, Table, parse_columns
from etl.read.features import FeatureSheet, read_features
from etl.read.workbook import A_NUMBER, explain_cell, parse_number
from etl.tables.unit import Context, Measured, Unit, find_artefact

TABLE = Table(
    name="features",
    grain="One row per case and published radiomic feature",
    key=("case_id", "feature"),
    columns=(
        CASE_ID,
        *parse_columns("""
        feature string Name as the publisher spells it
        value double? Published value; NaN is null
        """),
    ),
    per="release",
    reads=("features",),
    row_in_file="row of {case_id}, column {feature!r}",
    references={"case_id": "cases", "feature": "feature_catalog"},
)


def measure(unit: Unit, context: Context) -> Measured:
    """Return every value of the features workbook, one row per case and feature."""
    del unit  # the workbook that is used is chosen among all that the release holds
    blob = find_artefact(context, "features")
    if blob is None:
        return Measured()
    sheet = read_features(context.file(blob))
    out = list_published(correct_names(sheet), context.profile)
    out.findings.extend(_report_notes(sheet))
    return out


def list_published(sheet: FeatureSheet, profile: Profile) -> Measured:
    """Return the rows of a feature table, and findings for subjects and cells without use."""
    out = Measured()
    cases_read: set[str] = set()
    names = _drop_repeated(sheet.names, out)
    for row, (subject, cells) in enumerate(zip(sheet.subjects, sheet.cells, strict=True)):
        case_id = profile.case_id(subject)
        if case_id is None or case_id in cases_read:
            out.findings.append(_report_bad_subject(subject, case_id))
            continue
        cases_read.add(case_id)
        for column, (name, cell) in enumerate(zip(names, cells, strict=True)):
            if name is not None:
                try:
                    value = parse_number(*cell)
                except ValueError:
                    value = None
                    where = sheet.name_cell(row, column)
                    out.findings.append(_report_bad_cell(case_id, name, cell[0], where))
                out.rows.append({"case_id": case_id, "feature": name, "value": value})
    return out


def _drop_repeated(names: tuple[str, ...], out: Measured) -> list[str | None]:
    """Return the names, None for those that were seen before."""
    counts = Counter(names)
    for name in sorted(name for name, n in counts.items() if n > 1):
        observed = f"{counts[name]} columns named {name}"
        out.findings.append(_report_fault("duplicate_column", observed, "one column"))
    return [name if names.index(name) == at else None for at, name in enumerate(names)]


def _report_bad_cell(case_id: str, name: str, text: str | None, where: str) -> Finding:
    check, observed = f"not_a_number:{name}", f"{text!r} in {where}"
    finding = _report_fault(check, observed, A_NUMBER, case_id=case_id)
    return replace(finding, likely_cause=explain_cell(text) or finding.likely_cause)


def _report_notes(sheet: FeatureSheet) -> Iterator[Finding]:
    """Yield what was read otherwise than it is written."""
    renamed = [name for name in sheet.names if correct_name(name) != name]
    if renamed:
        yield _report_note(
            "renamed_columns",
            observed=f"{len(renamed)} names as {renamed[0]}",
            expected=f"names as {correct_name(renamed[0])}",
            likely_cause="R (make.names) or another program changed the punctuation",
            fix="None needed: the names are read as the publisher spells them.",
        )
    if sheet.note:
        yield _report_note(
            "csv_dialect",
            observed=sheet.note,
            expected="commas, and points in numbers",
            likely_cause="exported by an Excel of a country that writes decimal commas",
            fix="None needed: the numbers are read with a decimal point.",
        )


def _report_bad_subject(subject: str, case_id: str | None) -> Finding:
    if case_id is None:
        check, observed = f"unknown_subject:{subject}", f"SubjectID {subject!r}"
        return _report_fault(check, observed, "a subject number")
    observed = f"a second row for {subject}"
    return _report_fault("duplicate_subject", observed, "one row per case", case_id=case_id)


_report_fault = partial(
    Finding, TABLE.name, "critical",
    likely_cause="the workbook was edited or merged by hand",
    fix="Download the features workbook again and adopt it.",
)  # fmt: skip
_report_note = partial(Finding, TABLE.name, "info")


def correct_names(sheet: FeatureSheet) -> FeatureSheet:
    """Return the sheet with the names as the publisher spells them."""
    return replace(sheet, names=tuple(map(correct_name, sheet.names)))


def read_feature_sheet(context: Context) -> FeatureSheet | None:
    """Return the feature table of the release, None without a readable one (features says why)."""
    blob = find_artefact(context, "features")
    try:
        return correct_names(read_features(context.file(blob))) if blob else None
    except BadInputError:
        return None
