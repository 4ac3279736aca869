"""The table `features`."""

from __future__ import annotations

from collections import Counter

from etl.errors import BadInputError
from etl.findings import Finding
from etl.profile import Profile
from etl.read.features import FeatureSheet, read_features
from etl.read.workbook import A_NUMBER, number_of
from etl.schema import CASE_ID, Column, TableSchema, optional
from etl.unit import Blob, Context, Measured, artefact

SCHEMA = TableSchema(
    name="features",
    grain="One row a case and published radiomic feature",
    key=("case_id", "feature"),
    columns=(
        CASE_ID,
        Column("feature", "string", "Name as the publisher spells it"),
        optional("value", "double", "Published value; NaN is null"),
    ),
)

READS = ("features",)
UNIT = "release"
ASSEMBLED: tuple[str, ...] = ()


def measure(unit: tuple[Blob, ...], context: Context) -> Measured:
    """Every value of the features workbook, one row a case and feature."""
    del unit  # the workbook that is used is chosen among all that the release holds
    blob = artefact(context, "features")
    return published(read_features(context.file(blob)), context.profile) if blob else Measured()


def published(sheet: FeatureSheet, profile: Profile) -> Measured:
    """The rows of a feature table, and findings for subjects and cells that cannot be used."""
    out = Measured()
    seen: set[str] = set()
    names = _unique(sheet.names, out)
    for subject, cells in zip(sheet.subjects, sheet.cells, strict=True):
        case_id = profile.case_id(subject)
        if case_id is None or case_id in seen:
            out.findings.append(_bad_subject(subject, case_id))
            continue
        seen.add(case_id)
        for name, (text, number) in zip(names, cells, strict=True):
            if name is not None:
                value = _value(case_id, name, text, number, out)
                out.rows.append({"case_id": case_id, "feature": name, "value": value})
    return out


def _unique(names: tuple[str, ...], out: Measured) -> list[str | None]:
    """The names, None for those that were seen before."""
    counts = Counter(names)
    for name in sorted(name for name, n in counts.items() if n > 1):
        out.findings.append(
            _finding("duplicate_column", f"{counts[name]} columns named {name}", "one column")
        )
    return [name if names.index(name) == at else None for at, name in enumerate(names)]


def _value(
    case_id: str, name: str, text: str | None, number: float | None, out: Measured
) -> float | None:
    try:
        return number_of(text, number)
    except ValueError:
        observed = repr(text if number is None else number)
        out.findings.append(_finding(f"not_a_number:{name}", observed, A_NUMBER, case_id))
        return None


def _bad_subject(subject: str, case_id: str | None) -> Finding:
    if case_id is None:
        return _finding(f"unknown_subject:{subject}", f"SubjectID {subject!r}", "a subject number")
    return _finding("duplicate_subject", f"a second row for {subject}", "one row a case", case_id)


def _finding(check: str, observed: str, expected: str, case_id: str | None = None) -> Finding:
    return Finding(
        table="features",
        severity="critical",
        check=check,
        observed=observed,
        expected=expected,
        likely_cause="the workbook was edited or merged by hand",
        fix="Download the features workbook again and adopt it.",
        case_id=case_id,
    )


def feature_sheet(context: Context) -> FeatureSheet | None:
    """The feature table of the release, None without a readable one (features says why)."""
    blob = artefact(context, "features")
    try:
        return read_features(context.file(blob)) if blob else None
    except BadInputError:
        return None


def assemble(measured: list[tuple[tuple[Blob, ...], Measured]], context: Context) -> Measured:
    """The rows as they are: the workbook names its cases itself."""
    del context
    return Measured([row for _, found in measured for row in found.rows])
