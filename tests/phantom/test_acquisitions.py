"""The phantom's slice: the real columns, the trial's mix, every oddity, known truth."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from support import ROOT

from etl.model.profile import load_profile
from etl.phantom import acquisitions, clinical
from etl.phantom.acquisitions import Person
from etl.read.idc import COLUMNS, Series, read_slice
from etl.tables.acquisitions import describe_series

from .conftest import CASES, SHEETS, Phantom, read_sheet

PROFILE = load_profile(ROOT, "phantom")


def people(cases: int, outside: int = 5) -> list[Person]:
    subjects = [
        Person(9001 + n, 30.0 + n * 0.37 % 40, in_release=n < cases) for n in range(cases + outside)
    ]
    return [*subjects[:-1], Person(subjects[-1].number, None, in_release=False)]


@pytest.fixture(scope="module")
def many() -> list[Series]:
    return acquisitions.make(people(163), seed=1)[0]


def of_case(series: list[Series], number: int) -> list[Series]:
    return [cells for cells in series if cells["PatientID"] == f"ISPY1_{number}"]


def test_form_is_that_of_the_real_slice(phantom: Phantom) -> None:
    path = phantom.release / acquisitions.SLICE
    schema = pq.read_schema(path)
    assert dict(zip(schema.names, schema.types, strict=True)) == COLUMNS
    uids = [cells["SeriesInstanceUID"] for cells in read_slice(path)]
    assert uids == sorted(set(uids))
    assert path.name == PROFILE.files["acquisitions"][0]


def test_the_same_series_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        acquisitions.write(tmp_path / name, acquisitions.make(people(2), seed=1)[0])
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    acquisitions.write(tmp_path / "c", acquisitions.make(people(2), seed=2)[0])
    assert (tmp_path / "a").read_bytes() != (tmp_path / "c").read_bytes()


def test_a_subject_does_not_depend_on_the_others() -> None:
    (alone, few), (together, many) = (acquisitions.make(people(n), seed=3) for n in (4, 40))
    wrong = {case_id for case_id, _, name, _ in (*few, *many) if name == "wrong_age_years"}
    for number in range(9001, 9005):
        if f"ISPY1_{number}" not in wrong:
            assert of_case(alone, number) == of_case(together, number)


def test_thresholds_and_vendors_are_those_of_the_163_cases() -> None:
    _, truth = acquisitions.make(people(163), seed=7)
    thresholds = Counter(value for _, _, name, value in truth if name == "pe_threshold_percent")
    assert thresholds == {70: 66, 90: 45, 100: 18, 140: 34}
    vendors = Counter(name for _, _, name, _ in truth if name.startswith("manufacturer:"))
    assert vendors == {
        "manufacturer:GE": 111,
        "manufacturer:Siemens": 40,
        "manufacturer:Philips": 12,
    }


def test_a_dozen_cases_show_every_threshold_and_vendor() -> None:
    for seed in range(5):
        _, truth = acquisitions.make(people(12), seed)
        assert {v for _, _, name, v in truth if name == "pe_threshold_percent"} == {
            70, 90, 100, 140,
        }  # fmt: skip
        assert len({name for _, _, name, _ in truth if name.startswith("manufacturer:")}) == 3


def test_every_oddity_of_the_real_collection_is_there() -> None:
    found = acquisitions.make(people(12), seed=1)[0]
    assert {cells["Manufacturer"] for cells in found} == {
        "GE MEDICAL SYSTEMS", "SIEMENS", "Siemens", "Philips Medical Systems", "PixelMed",
        "Confirma Inc.",
    }  # fmt: skip
    assert {cells["Modality"] for cells in found} == {"MR", "SEG", "SR"}
    assert {"6657", None, "F"} == {cells["PatientSex"] for cells in found}
    assert {"000Y", None} < {cells["PatientAge"] for cells in found}
    assert "Secondary Capture Image Storage" in {cells["sop_class_name"] for cells in found}
    kinds = Counter(f.check.partition(":")[0] for f in describe_series(found, PROFILE).findings)
    assert set(kinds) == {"unusable", "two_dates"}
    voi = {cells["PatientID"] for cells in found if "VOI PE" in str(cells["SeriesDescription"])}
    assert 0 < len(voi) < len({cells["PatientID"] for cells in found})


def test_the_odd_images_outnumber_the_scanners_somewhere(many: list[Series]) -> None:
    studies: dict[str, Counter[str]] = {}
    for cells in many:
        if cells["Modality"] == "MR":
            makers = studies.setdefault(str(cells["StudyInstanceUID"]), Counter())
            makers[str(cells["Manufacturer"])] += 1
    assert any(makers.most_common(1)[0][0] == "Confirma Inc." for makers in studies.values())
    assert any(len(makers) == 1 for makers in studies.values())


def test_a_threshold_that_changes_at_the_last_visit(many: list[Series]) -> None:
    named = {
        (row["case_id"], row["study_index"]): row["pe_threshold_percent"]
        for row in describe_series(many, PROFILE).rows
        if row["pe_threshold_percent"]
    }
    changing = {
        case for (case, index), value in named.items() if named.get((case, 1)) not in (None, value)
    }
    assert changing


def read_ages(phantom: Phantom) -> dict[str, float]:
    """Those of the workbook, by subject."""
    rows = read_sheet(phantom.release / clinical.WORKBOOK, SHEETS[1])[1:]
    return {f"ISPY1_{row[0]}": row[2] for row in rows if row[0]}


def test_it_covers_the_workbook_and_one_subject_more(phantom: Phantom) -> None:
    series = read_slice(phantom.release / acquisitions.SLICE)
    of_workbook, subjects = read_ages(phantom).keys(), {cells["PatientID"] for cells in series}
    assert subjects - of_workbook == {f"ISPY1_{9001 + CASES + clinical.OUTSIDE_RELEASE}"}
    assert of_workbook < subjects
    truth = phantom.truth
    assert truth["", "acquisitions", "n_subjects"] == len(subjects)
    assert truth["", "acquisitions", "n_series"] == len(series)


def test_ages_agree_with_the_workbook_but_for_one_case(phantom: Phantom) -> None:
    ages = read_ages(phantom)
    away = {
        cells["PatientID"]
        for cells in read_slice(phantom.release / acquisitions.SLICE)
        if cells["PatientID"] in ages
        and cells["PatientAge"] not in (None, "000Y")
        and abs(int(cells["PatientAge"][:3]) - ages[cells["PatientID"]]) > 1
    }
    wrong = [case for case, _, name in phantom.truth if name == "wrong_age_years"]
    assert away == set(wrong)
    assert len(wrong) == 1


def test_dates_are_in_the_past_and_in_order(many: list[Series]) -> None:
    rows = describe_series(many, PROFILE).rows
    days = {(row["case_id"], row["study_index"]): row["study_date"] for row in rows}
    for (case, index), day in days.items():
        assert 1984 <= day.year < 1990
        if index > 1:
            assert 0 < (day - days[case, index - 1]).days < 100
