"""Profiles: what a release is expected to be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from support import ROOT

from etl.model.errors import UserError
from etl.model.profile import BASE, Profile, list_expected_ids, load_profile, profile_path

NAMES = ("ispy1_tcia", "phantom")
REAL = load_profile(ROOT, "ispy1_tcia")


def changed(
    project: Path, thresholds: dict[str, dict[str, object]] | None = None, **values: object
) -> None:
    path = profile_path(project, "phantom")
    content = yaml.safe_load(path.read_text())
    content["thresholds"] |= thresholds or {}
    path.write_text(yaml.safe_dump({**content, **values}))


@pytest.mark.parametrize("name", NAMES)
def test_committed_profiles_load(name: str) -> None:
    profile = load_profile(ROOT, name)
    assert profile.name == name
    assert profile.phases == (0, 1, 2)
    assert set(profile.image_sets) == {"n3", "zscored"}
    assert set(profile.masks) == {"ftv", "stv_manual", "stv_resunet"}
    assert profile.is_phantom == (name == "phantom")
    assert profile.attribution
    for threshold in profile.thresholds.values():
        assert len(threshold.source) > 10


def test_a_profile_states_what_differs_and_no_severity() -> None:
    base, *profiles = (yaml.safe_load(profile_path(ROOT, n).read_text()) for n in (BASE, *NAMES))
    for thresholds in (profile["thresholds"] for profile in profiles):
        assert thresholds.keys() <= base["thresholds"].keys()
        for name, stated in thresholds.items():
            assert not stated.keys() & base["thresholds"][name].keys()


def test_attribution_and_licence_of_the_release() -> None:
    assert REAL.licence == "CC BY 3.0"
    assert REAL.doi == "10.7937/TCIA.XC7A-QT20"
    assert any("Chitalia" in citation for citation in REAL.citations)
    phantom = load_profile(ROOT, "phantom")
    assert phantom.licence.startswith("CC0")
    assert phantom.doi is None


def test_params_name_the_profile(project: Path) -> None:
    assert load_profile(project).name == "phantom"


@pytest.mark.parametrize(
    "spelling",
    ["ISPY1_1002", "ISPY1-1002", "ISPY1_1002 ", "1002", 1002, 1002.0, "1002.00", " 1002 "],
)
def test_spellings_of_an_id(spelling: object) -> None:
    assert REAL.case_id(spelling) == "ISPY1_1002"


@pytest.mark.parametrize(
    "spelling",
    [
        "", "102", "10021", "ISPY2_1002", "x1002", "1002.5", "ISPY1_ISPY1_1002", None,
        "ISPY1__1002", "\u0661\u0660\u0660\u0662",
    ],
)  # fmt: skip
def test_what_is_no_id(spelling: object) -> None:
    assert REAL.case_id(spelling) is None


@given(st.text(max_size=20))
def test_an_id_is_an_id_of_itself(text: str) -> None:
    case_id = REAL.case_id(text)
    assert case_id is None or REAL.case_id(case_id) == case_id


def test_expected_ids(project: Path) -> None:
    assert list_expected_ids(project, load_profile(project)) == ("ISPY1_9001", "ISPY1_9002")


def test_expected_ids_of_the_release(real: Path) -> None:
    listed = (real / "case_ids.csv").read_text().split()[1:]
    assert sorted(list_expected_ids(ROOT, REAL)) == sorted(listed)
    assert len(listed) == 163


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"colour": "red"}, "colour"),
        ({"id_digits": "four"}, "id_digits"),
        ({"image_sets": {"n3": {"folder": "x", "suffix": "_N3", "grid": "2mm"}}}, "grid"),
        ({"thresholds": {"x": {"value": 1, "severity": "fatal", "source": "s"}}}, "severity"),
        ({"thresholds": {"x": {"value": 1, "severity": "info"}}}, "source"),
    ],
)
def test_a_profile_of_another_form_says_where(
    project: Path, values: dict[str, Any], words: str
) -> None:
    changed(project, **values)
    with pytest.raises(UserError, match=r"phantom\.yaml") as caught:
        load_profile(project)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_profile_overrides_a_part_of_a_threshold(project: Path) -> None:
    changed(project, thresholds={"published_volume_share": {"value": 0.2}})
    threshold = load_profile(project).thresholds["published_volume_share"]
    assert (threshold.value, threshold.severity) == (0.2, "warning")


def test_missing_profile(project: Path) -> None:
    with pytest.raises(UserError, match=r"nobody\.yaml"):
        load_profile(project, "nobody")


def test_naming_leaves_thresholds_and_expected_ids_out() -> None:
    """They change what is judged, and no table."""
    profile = load_profile(ROOT, "phantom")
    judged = {"thresholds": {}, "expected_ids": (1,), "idc_collection": "ispy1"}
    other: Profile = profile.model_copy(update=judged)
    assert other.naming() == profile.naming()
    assert profile.model_copy(update={"id_prefix": "X_"}).naming() != profile.naming()
