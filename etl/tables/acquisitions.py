"""The table `acquisitions`."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace

import polars as pl

from etl.model.errors import Severity
from etl.model.findings import Finding
from etl.model.profile import Profile
from etl.model.schema import CASE_ID, Table, parse_columns
from etl.read.idc import Series, read_slice
from etl.tables import series
from etl.tables.unit import Assembled, Context, Measured, Row, Unit, find_artefact

ARTEFACT = "acquisitions"
CLINICAL_AGE = "age in the clinical sheet"

TABLE = Table(
    name="acquisitions",
    grain="One row a DICOM series of a trial subject, in the release or not",
    key=("series_instance_uid",),
    columns=(
        CASE_ID,
        *parse_columns("""
        series_instance_uid string DICOM SeriesInstanceUID
        study_instance_uid string DICOM StudyInstanceUID
        study_index int64 Number of the study within the subject, from 1, by study_date and then by
            UID
        is_baseline bool Of the subject's first study: before treatment
        study_date date? Day that most series of the study name; shifted by years against the real
            one, the same for all studies of a subject
        series_date date? Day of the series itself; segmentations have none
        age_years double? [years] Age in the series; 000Y is null
        sex string? F, M or O; anything else is null
        modality string? MR, SEG (segmentation) or SR (structured report)
        sop_class string? Name of the DICOM SOP class
        has_scanner bool Manufacturer and model are the scanner's: MR images, but not secondary
            captures and not the output of a workstation
        manufacturer string? Vendor in one spelling: GE, Siemens, Philips, ...
        stored_manufacturer string? Manufacturer as the series spells it
        model string? ManufacturerModelName: of the scanner where has_scanner
        series_number int64? DICOM SeriesNumber, which is not unique in a study
        series_description string? DICOM SeriesDescription
        pe_threshold_percent int64? [percent] Least enhancement of the trial's functional tumour
            volume, where the series is a PE segmentation that names it
        instance_count int64? DICOM instances (files) of the series
        size_mb double? [MB] Size of the series in IDC, 10^6 bytes
        licence string? Licence of the series
        source_doi string? DOI of the data set that the series was published in
        crdc_series_uuid string? Folder of the series in the public buckets of the Imaging Data
            Commons
        """),
    ),
    per="release",
    reads=(ARTEFACT,),
    row_in_file="row of {series_instance_uid}",
    needs=("clinical",),
    references={"case_id": "cases"},
)


# Column -> the column of the slice that it comes from, and how a cell is read.
READERS: dict[str, tuple[str, Callable[..., object]]] = {
    "series_instance_uid": ("SeriesInstanceUID", series.clean_text),
    "study_instance_uid": ("StudyInstanceUID", series.clean_text),
    "study_date": ("StudyDate", series.parse_date),
    "series_date": ("SeriesDate", series.parse_date),
    "age_years": ("PatientAge", series.parse_age_years),
    "sex": ("PatientSex", series.parse_sex),
    "modality": ("Modality", series.clean_text),
    "sop_class": ("sop_class_name", series.clean_text),
    "manufacturer": ("Manufacturer", series.parse_vendor),
    "stored_manufacturer": ("Manufacturer", series.clean_text),
    "model": ("ManufacturerModelName", series.clean_text),
    "series_number": ("SeriesNumber", series.number),
    "series_description": ("SeriesDescription", series.clean_text),
    "instance_count": ("instanceCount", series.parse_amount),
    "size_mb": ("series_size_MB", series.parse_amount),
    "licence": ("license_short_name", series.clean_text),
    "source_doi": ("source_DOI", series.clean_text),
    "crdc_series_uuid": ("crdc_series_uuid", series.clean_text),
}
HEADERS = {column: field for column, (field, _) in READERS.items()}
AGE_TOLERANCE_YEARS = 1.0  # a DICOM age is a whole number of years
_SHOWN = 3
_CHECKS: dict[str, tuple[Severity, str, str]] = {
    # check: severity, expected, likely cause
    "unknown_subject:PatientID": ("critical", "a trial subject", "series of another collection"),
    "no_uid:SeriesInstanceUID": ("critical", "a UID of series and study", "an edited slice"),
    "repeated:SeriesInstanceUID": ("critical", "one row per series", "slices put together"),
    "unusable:PatientAge": ("info", "an age such as 039Y", "a fault of the publisher"),
    "unusable:PatientSex": ("info", "F, M or O", "a fault of the publisher"),
    "unusable:StudyDate": ("warning", "a day such as 1985-04-13", "a fault of the index"),
    "unusable:SeriesDate": ("warning", "a day such as 1985-04-13", "a fault of the index"),
    "unusable:instanceCount": ("warning", "a count", "a fault of the index"),
    "unusable:series_size_MB": ("warning", "a size", "a fault of the index"),
    "two_dates:StudyDate": ("info", "one day a study", "a series filed under another visit"),
    "two_thresholds:SeriesDescription": (
        "warning",
        "one PE threshold a study",
        "segmentations made twice",
    ),
    "disagrees_with_clinical:PatientAge": (
        "warning",
        "within a year of the clinical sheet",
        "a fault of the publisher, or series of another subject",
    ),
}
_FIX = (
    "Look the series up in the table acquisitions. A fault of the publisher's own goes into "
    "expectations/known_issues.csv; else run `ispy1 idc` to cut the slice again."
)

# (check, case) -> what was seen, and in how many series
Faults = defaultdict[tuple[str, str | None], Counter[str]]


def measure(unit: Unit, context: Context) -> Measured:
    """Return every series of the slice."""
    del unit  # the slice that is used is chosen among all that the release holds
    blob = find_artefact(context, ARTEFACT)
    return describe_series(read_slice(context.file(blob)), context.profile) if blob else Measured()


def describe_series(series: Iterable[Series], profile: Profile) -> Measured:
    """Return the rows of a slice, and a finding per case and kind for what could not be used."""
    faults: Faults = defaultdict(Counter)
    rows = [
        _make_row(case_id, cells, faults)
        for case_id, cells in _list_usable(series, profile, faults)
    ]
    studies = _group_by_study(rows)
    for (case_id, _), of_study in studies.items():
        _give_one_date(case_id, of_study, faults)
        _check_thresholds(case_id, of_study, faults)
    _number_studies(studies)
    return Measured(rows, _check_series(faults))


def _list_usable(
    all_series: Iterable[Series], profile: Profile, faults: Faults
) -> list[tuple[str, Series]]:
    """Return the series of known subjects, each once, in the order of their UIDs."""
    usable: dict[str, tuple[str, Series]] = {}
    for cells in sorted(all_series, key=lambda c: (c["SeriesInstanceUID"] or "", str(c))):
        case_id = profile.case_id(cells["PatientID"])
        uid = series.clean_text(cells["SeriesInstanceUID"])
        if case_id is None:
            faults["unknown_subject:PatientID", None][repr(cells["PatientID"])] += 1
        elif uid is None or series.clean_text(cells["StudyInstanceUID"]) is None:
            faults["no_uid:SeriesInstanceUID", case_id]["no UID"] += 1
        elif uid in usable:
            faults["repeated:SeriesInstanceUID", case_id][uid] += 1
        else:
            usable[uid] = (case_id, cells)
    return list(usable.values())


def _make_row(case_id: str, cells: Series, faults: Faults) -> Row:
    """Return one series. What is about its study is filled in later."""
    row: Row = {"case_id": case_id}
    for column, (field, reader) in READERS.items():
        try:
            row[column] = reader(cells[field])
        except ValueError:
            row[column] = None
            faults[f"unusable:{field}", case_id][repr(cells[field])] += 1
    modality, sop_class, model = row["modality"], row["sop_class"], row["model"]
    description = row["series_description"]
    return {
        **row,
        "has_scanner": series.has_scanner(modality, sop_class, model),
        "pe_threshold_percent": series.parse_pe_threshold(modality, description),
    }


def _group_by_study(rows: Iterable[Row]) -> dict[tuple[str, str], list[Row]]:
    """Return (case, study) -> its series."""
    studies: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        studies.setdefault((row["case_id"], row["study_instance_uid"]), []).append(row)
    return studies


def _give_one_date(case_id: str, of_study: list[Row], faults: Faults) -> None:
    """Give a study the day that most series name, the earliest of equals.

    One series of ISPY1_1042 lies in the fourth study and carries the day of the third: by the
    earliest day, the two studies would have no order.
    """
    days = Counter(row["study_date"] for row in of_study if row["study_date"])
    day = min(days, key=lambda d: (-days[d], d), default=None)
    for other in sorted(set(days) - {day}):
        faults["two_dates:StudyDate", case_id][f"{other} in a study of {day}"] += days[other]
    for row in of_study:
        row["study_date"] = day


def _check_thresholds(case_id: str, of_study: list[Row], faults: Faults) -> None:
    named = Counter(row["pe_threshold_percent"] for row in of_study)
    del named[None]
    if len(named) > 1:
        for threshold, count in named.items():
            cell = f"{threshold} % in study {of_study[0]['study_instance_uid']}"
            faults["two_thresholds:SeriesDescription", case_id][cell] += count


def _number_studies(studies: dict[tuple[str, str], list[Row]]) -> None:
    """Set study_index and is_baseline of every row; a study without a day comes last."""
    order = sorted(
        studies, key=lambda key: (key[0], studies[key][0]["study_date"] or dt.date.max, key[1])
    )
    of_case: Counter[str] = Counter()
    for key in order:
        of_case[key[0]] += 1
        for row in studies[key]:
            row["study_index"] = of_case[key[0]]
            row["is_baseline"] = of_case[key[0]] == 1


def _check_series(faults: Faults) -> list[Finding]:
    """Return a finding per check and case: the commonest cells, and in how many series they are."""
    out = []
    for (check, case_id), cells in faults.items():
        severity, expected, likely_cause = _CHECKS[check]
        shown = [f"{cell} ({count} series)" for cell, count in cells.most_common(_SHOWN)]
        more = len(cells) - len(shown)
        out.append(
            Finding(
                table=TABLE.name,
                severity=severity,
                check=check,
                observed="; ".join(shown) + (f"; and {more} more" if more else ""),
                expected=expected,
                likely_cause=likely_cause,
                fix=_FIX,
                case_id=case_id,
            )
        )
    return out


def assemble(values: pl.DataFrame, context: Context) -> Assembled:
    """Return the rows, and findings for ages that the clinical sheet does not share."""
    ages = context.table("clinical").select("case_id", pl.col("age_years").alias(CLINICAL_AGE))
    joined = values.join(ages, on="case_id", maintain_order="left")
    is_other = (pl.col("age_years") - pl.col(CLINICAL_AGE)).abs() > AGE_TOLERANCE_YEARS
    faults: Faults = defaultdict(Counter)
    for row in joined.filter(is_other).iter_rows(named=True):
        study, age, clinical_age = row["study_index"], row["age_years"], row[CLINICAL_AGE]
        cell = f"study {study}: {age:g} years, clinical sheet {clinical_age:g}"
        faults["disagrees_with_clinical:PatientAge", row["case_id"]][cell] += 1
    blob = find_artefact(context, ARTEFACT)
    path = blob.path if blob else None
    return Assembled(values, [replace(finding, path=path) for finding in _check_series(faults)])
