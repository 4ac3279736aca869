"""What the gate holds today's volumes against: the tag before, with or without tags."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest
from history import commit, make_history, write_masks
from history import git as run_git

from etl.gate.drift import Reference, explain_not_judged, find_reference, read_reference
from etl.model.profile import load_profile
from etl.model.project import TABLES
from etl.model.store import read_footer, table_path
from etl.versions import revision_tables


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drift")
    return make_history(folder / "p", remote=folder / "store")


@pytest.fixture
def history(past: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(past, tmp_path / "p", symlinks=True))


def tag_of(root: Path, recorded: Reference | None = None) -> str | None:
    found = find_reference(root, recorded)
    return found.tag if found else None


def test_the_reference_is_the_last_tag_with_other_masks(history: Path) -> None:
    assert tag_of(history) == "v1"  # the working tree is v2
    write_masks(history, 7.0)
    assert tag_of(history) == "v2"
    write_masks(history, 5.0)  # as in v1: v2 is the one before
    assert tag_of(history) == "v2"


def test_the_quantiles_are_those_of_the_non_empty_masks(past: Path) -> None:
    found = find_reference(past)
    assert found is not None
    assert found.dataset == "ISPY1-PHANTOM"
    assert found.volumes["ftv"] == {"p10": 4.0, "median": 4.0, "p90": 4.0}  # 9002 is empty
    manual = found.volumes["stv_manual"]  # 2, 5 and 9 cm3
    assert manual == {"p10": pytest.approx(2.6), "median": 5.0, "p90": pytest.approx(8.2)}
    assert read_reference(json.loads(json.dumps(found.as_json()))) == found


def test_a_tag_on_todays_version_changes_nothing(history: Path) -> None:
    before = find_reference(history)
    run_git(history, "tag", "v2-again")
    assert find_reference(history) == before


def test_a_clone_without_tags_uses_what_was_recorded(history: Path) -> None:
    recorded = find_reference(history)
    run_git(history, "tag", "-d", "v0", "v1", "v2")
    assert find_reference(history) is None
    assert find_reference(history, recorded) == recorded
    shutil.rmtree(history / ".git")
    assert find_reference(history, recorded) == recorded


def test_what_was_recorded_saves_the_look_into_the_tag(history: Path) -> None:
    recorded = find_reference(history)
    shutil.rmtree(history / ".dvc" / "cache")
    (history / ".dvc" / "config").write_text("[core]\n    analytics = false\n")
    assert find_reference(history, recorded) == recorded
    assert find_reference(history) is None  # its table is nowhere


def test_a_tag_of_later_is_no_reference(history: Path) -> None:
    found = find_reference(history)
    assert found is not None
    run_git(history, "checkout", "-q", "-b", "late")
    lock = history / "dvc.lock"
    later = "f" * 32
    lock.write_text(
        lock.read_text().replace(revision_tables.list_tables_at(history, "v2")["masks"], later)
    )
    time.sleep(1.1)  # git counts in seconds
    commit(history, "v3")
    recorded = replace(found, masks_md5=later)
    assert tag_of(history, recorded) == "v3"
    run_git(history, "checkout", "-q", "main")
    assert tag_of(history, recorded) == "v1"


def test_the_same_masks_are_no_reference(history: Path) -> None:
    recorded = find_reference(history)
    assert recorded is not None
    run_git(history, "tag", "-d", "v0", "v1", "v2")
    write_masks(history, 5.0)  # what is recorded is what is there
    assert find_reference(history, recorded) is None


def test_without_masks_there_is_nothing_to_compare(history: Path) -> None:
    table_path(history / TABLES, "masks").unlink()
    assert find_reference(history) is None


@pytest.mark.parametrize("recorded", [None, [], "v1", {"tag": "v1"}, {"another": 1}])
def test_what_is_no_record_is_none(recorded: object) -> None:
    assert read_reference(recorded) is None


def test_why_drift_is_not_judged(past: Path) -> None:
    profile = load_profile(past)
    volumes = {"ftv": {"p10": 1.0, "median": 1.0, "p90": 1.0}}
    reasons = [
        explain_not_judged(None, profile),
        explain_not_judged(Reference("v1", "another", "0", volumes), profile),
        explain_not_judged(
            Reference("v1", profile.dataset, "0", {"mine": volumes["ftv"]}), profile
        ),
        explain_not_judged(Reference("v1", profile.dataset, "0", volumes), profile),
    ]
    assert reasons == [
        "no earlier tag has a table of masks to compare with",
        "v1 holds another data set (another)",
        "v1 holds no mask of a declared set",
        None,
    ]
    assert read_footer(table_path(past / TABLES, "masks"))["dataset"] == profile.dataset
