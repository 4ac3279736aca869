"""The slice of the Imaging Data Commons: invented series of the trial, in the real columns.

Scanners, thresholds and what is odd follow the real collection: its 163 release cases have the
thresholds and vendors of `_PROTOCOLS`, a vendor in two spellings, images of workstations, reports
by another maker, an age of 000Y, a sex of 6657, a series filed under another visit.
"""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from etl.phantom.grids import FIRST_NUMBER, PUBLIC_CASES, Draw, is_one_in, make_stream
from etl.phantom.truth import Row

SLICE = "idc_series.parquet"
LICENCE = "CC0 1.0"
DOI = "10.5072/ispy1-phantom"  # the prefix that is kept for tests

SCHEMA = pa.schema(
    [
        (name, {"instanceCount": pa.int64(), "series_size_MB": pa.float64()}.get(name, pa.string()))
        for name in (
            "PatientID", "PatientAge", "PatientSex", "StudyInstanceUID", "StudyDate",
            "SeriesInstanceUID", "SeriesDate", "SeriesNumber", "SeriesDescription", "Modality",
            "sop_class_name", "Manufacturer", "ManufacturerModelName", "instanceCount",
            "series_size_MB", "license_short_name", "source_DOI", "crdc_series_uuid",
        )
    ]
)  # fmt: skip

_GE, _SIEMENS, _PHILIPS = "GE MEDICAL SYSTEMS", "SIEMENS", "Philips Medical Systems"
_VENDORS = {_GE: "GE", _SIEMENS: "Siemens", _PHILIPS: "Philips"}
_MODELS = {
    _GE: ("GENESIS_SIGNA", "GENESIS_SIGNA", "GENESIS_SIGNA", "SIGNA EXCITE"),
    _SIEMENS: ("Sonata", "MAGNETOM VISION", "MAGNETOM VISION plus"),
    _PHILIPS: ("Intera", "Gyroscan Intera"),
}
# Threshold in percent, vendor, and how many of the 163 baseline studies have the two.
_PROTOCOLS = ((70, _GE, 66), (90, _GE, 5), (90, _SIEMENS, 40), (100, _GE, 6), (100, _PHILIPS, 12),
              (140, _GE, 34))  # fmt: skip
_STEP = 101  # about 163 times the golden section: a few cases show all protocols
_DAYS_BETWEEN = ((14, 26), (42, 63), (60, 98))  # quartiles of the real intervals
_STUDIES = (4, 4, 4, 3, 4, 4, 2, 4)
_WRONG_BY_YEARS = 9
_IMAGE, _SECONDARY = "MR Image Storage", "Secondary Capture Image Storage"
_SEGMENTATION, _REPORT = "Segmentation Storage", "Comprehensive SR Storage"
_PLAIN_MR = {_GE: 1, _SIEMENS: 4, _PHILIPS: 1}  # series that the dynamic scan is stored in
_MAPS = ("SER", "PE1")

Cell = str | int | float | None
Series = dict[str, Cell]


@dataclass(frozen=True, slots=True)
class Person:
    """A subject of the trial. `age` is that of the clinical workbook, None where it has no row."""

    number: int
    age: float | None
    in_release: bool


@dataclass(frozen=True, slots=True)
class _Study:
    """What the series of a study share."""

    person: Person
    index: int  # from 0
    is_last: bool
    day: dt.date
    vendor: str
    model: str
    threshold: int
    age: str | None
    uid: str


def make(people: list[Person], seed: int) -> tuple[list[Series], list[Row]]:
    """Return the series of all subjects, sorted by their UIDs, and the truth about them."""
    cases = [person for person in people if person.in_release]
    wrong = cases[int(make_stream(seed, 0, Draw.ACQUISITIONS).integers(len(cases)))]
    all_series: list[Series] = []
    rows: list[Row] = []
    for person in people:
        rng = make_stream(seed, person.number, Draw.ACQUISITIONS)
        studies = _draw_studies(person, seed, rng)
        of_study = [_make_study(study, rng) for study in studies]
        if person is wrong:
            rows.append(_make_wrong(person, of_study[0]))
        all_series += [cells for series in of_study for cells in series]
        if person.in_release:
            rows += _describe_truth(studies, of_study)
    counts = {
        "n_subjects": len(people),
        "n_studies": len({cells["StudyInstanceUID"] for cells in all_series}),
        "n_series": len(all_series),
    }
    rows += [("", "acquisitions", name, float(count)) for name, count in counts.items()]
    return sorted(all_series, key=lambda cells: str(cells["SeriesInstanceUID"])), rows


def write(path: Path, series: list[Series]) -> None:
    """Write the slice; the same series give the same bytes."""
    pq.write_table(pa.Table.from_pylist(series, SCHEMA), path, compression="zstd")


def _draw_studies(person: Person, seed: int, rng: np.random.Generator) -> list[_Study]:
    index = person.number - FIRST_NUMBER
    threshold, vendor = _choose_protocol((index * _STEP + seed) % PUBLIC_CASES)
    model = str(rng.choice(_MODELS[vendor]))
    count = _STUDIES[index % len(_STUDIES)]
    age = person.age if person.age is not None else 50.0
    first = day = dt.date(1984, 10, 13) + dt.timedelta(days=int(rng.integers(1, 1500)))
    studies = []
    for number in range(count):
        if number:
            day += dt.timedelta(days=int(rng.integers(*_DAYS_BETWEEN[number - 1])))
        is_last = number == count - 1
        years = int(age + (day - first).days / 365.25)
        studies.append(
            _Study(
                person=person,
                index=number,
                is_last=is_last,
                day=day,
                vendor=vendor,
                model=model,
                threshold=70 if is_last and is_one_in(person.number, 10, 8) else threshold,
                age=_format_age(person, years, is_last=is_last),
                uid=_make_uid(rng),
            )
        )
    return studies


def _choose_protocol(rank: int) -> tuple[int, str]:
    """Return threshold and vendor of one of the 163 cases."""
    for threshold, vendor, count in _PROTOCOLS:
        if rank < count:
            return threshold, vendor
        rank -= count
    raise AssertionError(rank)


def _format_age(person: Person, years: int, *, is_last: bool) -> str | None:
    if is_one_in(person.number, 11, 7):
        return None
    return "000Y" if is_last and is_one_in(person.number, 12, 3) else f"{years:03d}Y"


def _make_study(study: _Study, rng: np.random.Generator) -> list[Series]:
    """Make all series of one study: images, maps, segmentations, report, workstations."""
    person = study.person
    all_series = [
        _make_scanner_series(study, rng, "localizer", 1),
        _make_scanner_series(study, rng, "T2-FSE-Sagittal", 2),
    ]
    dynamic = _PLAIN_MR[study.vendor]
    all_series += [
        _make_scanner_series(study, rng, "Dynamic-3dfgre", 3 + n) for n in range(dynamic)
    ]
    all_series += [
        _make_scanner_series(study, rng, f"Dynamic-3dfgre: {m}", 31000 + n)
        for n, m in enumerate(_MAPS)
    ]
    if person.in_release or is_one_in(person.number, 2, 0):
        all_series += _make_segmentations(study, rng)
    if person.age is not None:
        all_series.append(_make_report(study, rng))
    if study.vendor == _SIEMENS and study.index == 0:
        all_series.append(
            _make_workstation_series(study, rng, ("<MPR Collection>", "Siemens", "NUMARIS/4 3D"))
        )
    if study.is_last and is_one_in(person.number, 9, 4):
        names = [f"CAD~ Sagittal_post{n}" for n in range(1, 1 + len(all_series))]
        tool = ("Confirma Inc.", "CADstream 4.0.1.401")
        all_series += [_make_workstation_series(study, rng, (name, *tool)) for name in names]
        all_series.append(_make_workstation_series(study, rng, ("CAD~ VOLUME", *tool), _SECONDARY))
    if study.is_last and study.index and is_one_in(person.number, 8, 2):
        earlier = str(study.day - dt.timedelta(days=9))
        all_series[1] |= {"StudyDate": earlier, "SeriesDate": earlier}
    return all_series


def _make_scanner_series(
    study: _Study, rng: np.random.Generator, description: str, number: int
) -> Series:
    """Return a series of the scanner's own images."""
    count = int(rng.integers(13, 181))
    return {
        "PatientID": f"ISPY1_{study.person.number}",
        "PatientAge": study.age,
        "PatientSex": _find_sex(study),
        "StudyInstanceUID": study.uid,
        "StudyDate": str(study.day),
        "SeriesInstanceUID": _make_uid(rng),
        "SeriesDate": str(study.day),
        "SeriesNumber": str(number),
        "SeriesDescription": description,
        "Modality": "MR",
        "sop_class_name": _IMAGE,
        "Manufacturer": study.vendor,
        "ManufacturerModelName": study.model,
        "instanceCount": count,
        "series_size_MB": round(count * float(rng.uniform(0.13, 0.14)), 6),
        "license_short_name": LICENCE,
        "source_DOI": DOI,
        "crdc_series_uuid": str(uuid.UUID(bytes=rng.bytes(16), version=4)),
    }


def _find_sex(study: _Study) -> str | None:
    if study.is_last and is_one_in(study.person.number, 12, 5):
        return "6657"
    return None if is_one_in(study.person.number, 12, 9) else "F"


def _make_segmentations(study: _Study, rng: np.random.Generator) -> list[Series]:
    names = [f"PE Segmentation thresh={study.threshold}", "Breast Tissue Segmentation"]
    if not is_one_in(study.person.number, 6, 3):
        names += [f"VOI {name}" for name in names]
    fields: Series = {"Modality": "SEG", "sop_class_name": _SEGMENTATION, "SeriesDate": None,
           "instanceCount": 1}  # fmt: skip
    return [
        _make_scanner_series(study, rng, name, 32000 + n) | fields for n, name in enumerate(names)
    ]


def _make_report(study: _Study, rng: np.random.Generator) -> Series:
    """Return a report made from the clinical table, whose age it carries, rounded."""
    fields: Series = {
        "Modality": "SR",
        "sop_class_name": _REPORT,
        "Manufacturer": "PixelMed",
        "ManufacturerModelName": "XSLT from di3data csv extract",
        "PatientAge": f"{round(study.person.age or 0):03d}Y",
        "instanceCount": 1,
        "series_size_MB": 0.007922,
    }
    return _make_scanner_series(study, rng, "Standard Breast Imaging Report", 1) | fields


def _make_workstation_series(
    study: _Study, rng: np.random.Generator, names: tuple[str, str, str], sop_class: str = _IMAGE
) -> Series:
    """Return images that a program made of the scanner's: description, maker, model."""
    description, maker, model = names
    fields: Series = {
        "Manufacturer": maker,
        "ManufacturerModelName": model,
        "sop_class_name": sop_class,
    }
    return _make_scanner_series(study, rng, description, 1001) | fields


def _make_wrong(person: Person, baseline: list[Series]) -> Row:
    """Give the images of a baseline study an age that the clinical workbook does not share."""
    years = int(person.age or 0) + _WRONG_BY_YEARS
    for cells in baseline:
        if cells["Modality"] != "SR":
            cells["PatientAge"] = f"{years:03d}Y"
    return (f"ISPY1_{person.number}", "acquisitions", "wrong_age_years", float(years))


def _describe_truth(studies: list[_Study], of_study: list[list[Series]]) -> list[Row]:
    """Return what is true of a case: scanner, threshold before treatment, how much there is."""
    first = studies[0]
    facts = {
        f"manufacturer:{_VENDORS[first.vendor]}": 1,
        f"model:{first.model}": 1,
        "pe_threshold_percent": first.threshold,
        "n_studies": len(studies),
        "n_series": sum(len(series) for series in of_study),
        "n_baseline_series": len(of_study[0]),
    }
    case_id = f"ISPY1_{first.person.number}"
    return [(case_id, "acquisitions", name, float(value)) for name, value in facts.items()]


def _make_uid(rng: np.random.Generator) -> str:
    """Return a UID under the root that is kept for UUIDs."""
    return f"2.25.{int.from_bytes(rng.bytes(16), 'big')}"
