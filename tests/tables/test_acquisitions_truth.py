"""The table `acquisitions` against what is known: the phantom's truth, and the real collection."""

from __future__ import annotations

import csv
import importlib.util
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from rebuild import rebuild
from support import SLICE, make_project

import etl
from etl.adopt.idc import PACKAGE, cut
from etl.build.plan import add_needs
from etl.phantom.build import make

CLINICAL = "I-SPY 1 All Patient Clinical and Outcome Data.xlsx"
# What a real download with nothing but the trial's own tables comes to.
BUILT = ("clinical", "outcomes", "images", "masks", "acquisitions", "cases", "blobs")


def ask(root: Path, sql: str) -> list[tuple[Any, ...]]:
    return etl.connect(root).execute(sql).fetchall()


# --- the phantom ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A phantom of four cases without its images and masks."""
    root = make_project(tmp_path_factory.mktemp("truth") / "project")
    folder = root / "data/release"
    folder.rmdir()
    make(folder, root / "data/truth.parquet", cases=4, workers=2)
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
    rebuild(root, *add_needs(BUILT))
    return root


@pytest.fixture(scope="module")
def truth(phantom: Path) -> dict[tuple[str, str], float]:
    rows = pq.read_table(phantom / "data/truth.parquet").to_pylist()
    return {
        (row["case_id"], row["quantity"]): row["value"]
        for row in rows
        if row["subject"] == "acquisitions"
    }


def test_scanner_and_threshold_of_every_case(
    phantom: Path, truth: dict[tuple[str, str], float]
) -> None:
    sql = """
    select case_id, manufacturer, model, pe_threshold_percent, n_series from scanner_by_case
    where in_release"""
    found = ask(phantom, sql)
    assert len(found) == 4
    for case, manufacturer, model, threshold, n_series in found:
        assert truth[case, f"manufacturer:{manufacturer}"] == 1
        assert truth[case, f"model:{model}"] == 1
        assert truth[case, "pe_threshold_percent"] == threshold
        assert truth[case, "n_baseline_series"] == n_series


def test_studies_and_series_are_all_there(
    phantom: Path, truth: dict[tuple[str, str], float]
) -> None:
    sql = "select case_id, count(*), sum(n_series) from studies group by case_id"
    for case, n_studies, n_series in ask(phantom, sql):
        if (case, "n_studies") in truth:
            assert (truth[case, "n_studies"], truth[case, "n_series"]) == (n_studies, n_series)
    counts = dict(ask(phantom, "select name, n from case_counts where starts_with(name, 'idc_')"))
    assert counts == {
        f"idc_{what}": truth["", f"n_{what}"] for what in ("subjects", "studies", "series")
    }


def test_the_one_wrong_age_is_found(phantom: Path, truth: dict[tuple[str, str], float]) -> None:
    ((case, age),) = [(c, v) for (c, name), v in truth.items() if name == "wrong_age_years"]
    sql = "select case_id, observed from findings where starts_with(\"check\", 'disagrees')"
    ((found, observed),) = ask(phantom, sql)
    assert found == case
    assert observed.startswith(f"study 1: {age:g} years, clinical sheet ")
    severities = "select distinct severity from findings where \"table\" = 'acquisitions'"
    assert sorted(ask(phantom, severities)) == [("info",), ("warning",)]


def test_subjects_beyond_the_release_and_the_workbook(phantom: Path) -> None:
    counts = dict(ask(phantom, "select sources, count(*) from subjects_by_source group by all"))
    assert counts == {"release, workbook, idc": 4, "workbook, idc": 4, "idc": 1}


# --- the real collection --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def index() -> Path:
    """The index of the Imaging Data Commons that is installed."""
    found = importlib.util.find_spec(PACKAGE)
    if found is None:
        pytest.skip("the index of the Imaging Data Commons is not here: pip install idc-index-data")
    return Path(str(found.origin)).parent / "idc_index.parquet"


@pytest.fixture(scope="module")
def collection(index: Path, real: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real slice, workbook and list of cases; no image, no mask."""
    root = make_project(tmp_path_factory.mktemp("real") / "project")
    params = root / "params.yaml"
    params.write_text(params.read_text().replace("profile: phantom", "profile: ispy1_tcia"))
    shutil.copy(real / CLINICAL, root / "data/release")
    cut(root, index, output=root / "cut.parquet")
    (root / "cut.parquet").rename(root / "data/release" / SLICE)
    rebuild(root, *add_needs(BUILT))
    return root


@pytest.fixture(scope="module")
def release_cases(real: Path) -> set[str]:
    with (real / "case_ids.csv").open(encoding="utf-8") as file:
        return {row["case_id"] for row in csv.DictReader(file)}


def test_every_series_of_the_collection(collection: Path) -> None:
    sql = """
    select count(distinct case_id), count(distinct study_instance_uid), count(*),
        count(*) filter (where modality = 'MR'), count(*) filter (where modality = 'SEG'),
        count(*) filter (where modality = 'SR') from acquisitions"""
    assert ask(collection, sql) == [(222, 847, 9877, 6464, 2568, 845)]
    assert ask(collection, "select distinct licence from acquisitions") == [("CC BY 3.0",)]
    assert (collection / "data/release" / SLICE).stat().st_size < 750_000


def test_thresholds_of_the_163_cases(collection: Path, release_cases: set[str]) -> None:
    """70 in 66 cases, 90 in 45, 100 in 18, 140 in 34: of the first study, and of no other."""
    found = ask(collection, "select case_id, pe_threshold_percent from scanner_by_case")
    counts = Counter(threshold for case, threshold in found if case in release_cases)
    assert counts == {70: 66, 90: 45, 100: 18, 140: 34}
    later = "select case_id, study_index, pe_threshold_percent from studies where study_index > 1"
    for index in (2, 3, 4):
        of_index = [row for row in ask(collection, later) if row[1] == index]
        assert counts != Counter(row[2] for row in of_index if row[0] in release_cases)


def test_scanners_of_the_163_cases(collection: Path, release_cases: set[str]) -> None:
    found = ask(collection, "select case_id, manufacturer, model from scanner_by_case")
    vendors = Counter(vendor for case, vendor, _ in found if case in release_cases)
    assert vendors == {"GE": 111, "Siemens": 40, "Philips": 12}
    assert {model for _, _, model in found} == {
        "GENESIS_SIGNA", "SIGNA EXCITE", "Sonata", "MAGNETOM VISION", "MAGNETOM VISION plus",
        "Symphony", "Intera", "Gyroscan Intera",
    }  # fmt: skip


def test_the_first_study_is_the_one_before_treatment(collection: Path) -> None:
    """A baseline diameter in the workbook wherever it has any, and as many visits as it has."""
    sql = """
    select
        count(*) filter (where mri_ld_baseline_mm is null and ld = 0),
        count(*) filter (where mri_ld_baseline_mm is null and ld > 0),
        count(*) filter (where n_studies = ld)
    from (
        select clinical.*, n_studies,
            (mri_ld_baseline_mm is not null)::int + (mri_ld_early_ac_mm is not null)::int
            + (mri_ld_interregimen_mm is not null)::int
            + (mri_ld_presurgery_mm is not null)::int as ld
        from clinical join subjects_by_source using (case_id)
    )"""
    assert ask(collection, sql) == [(2, 0, 208)]


def test_what_is_wrong_in_the_collection(collection: Path) -> None:
    sql = 'select case_id, "check" from findings where "table" = \'acquisitions\' order by all'
    assert ask(collection, sql) == [
        ("ISPY1_1026", "disagrees_with_clinical:PatientAge"),
        ("ISPY1_1042", "two_dates:StudyDate"),
        ("ISPY1_1059", "disagrees_with_clinical:PatientAge"),
        ("ISPY1_1160", "unusable:PatientAge"),
        ("ISPY1_1174", "disagrees_with_clinical:PatientAge"),
        ("ISPY1_1206", "unusable:PatientSex"),
    ]
    # Two visits of one subject hold the output of a workstation alone.
    sql = "select case_id, study_index from studies where manufacturer is null order by all"
    assert ask(collection, sql) == [("ISPY1_1213", 2), ("ISPY1_1213", 3)]


def test_subjects_in_one_source_only(collection: Path) -> None:
    sql = "select case_id, sources from subjects_by_source where only_in is not null"
    assert ask(collection, sql) == [("ISPY1_1079", "idc")]
    counts = "select stated, n from claims where starts_with(count_name, 'idc_') order by claim_id"
    assert ask(collection, counts) == [(222, 222), (847, 847), (9877, 9877)]
    subjects = "select n from case_counts where name = 'trial_subjects'"
    assert ask(collection, subjects) == [(221,)]
