"""A finding's id, and how a refused input becomes one."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from support import ROOT

from etl.model.errors import BadInputError
from etl.model.findings import Finding, make_finding
from etl.model.profile import load_profile
from etl.model.release import Name
from etl.tables.findings import TABLE
from etl.tables.unit import Blob, add_identity

ONE = Finding(
    table="masks", severity="critical", check="gzip_crc", observed="o", expected="e",
    likely_cause="l", fix="f", case_id="ISPY1_9001", path="masks_ftv/ISPY1_9001.nii.gz",
)  # fmt: skip


def test_row_has_the_columns_of_the_table() -> None:
    assert set(ONE.row()) == set(TABLE.names)
    assert (ONE.row()["finding_id"], ONE.row()["severity"]) == (ONE.finding_id, "critical")
    assert len(ONE.finding_id) == 16
    int(ONE.finding_id, 16)


def test_id_depends_on_table_case_path_and_check_alone() -> None:
    for name in [f.name for f in fields(Finding)]:
        changed: dict[str, Any] = {name: "other"}
        same = replace(ONE, **changed).finding_id == ONE.finding_id
        assert same == (name not in ("table", "case_id", "path", "check")), name
    assert replace(ONE, case_id=None).finding_id != ONE.finding_id
    # The parts are kept apart: moving text from one to the next is another finding.
    moved = replace(ONE, case_id="ISPY1_9001m", path="asks_ftv/ISPY1_9001.nii.gz")
    assert moved.finding_id != ONE.finding_id


def test_id_never_changes() -> None:
    """People refer to findings by id."""
    assert Finding("t", "info", "c", "", "", "", "").finding_id == "770e4f3c8afa0224"


def test_from_bad_input() -> None:
    error = BadInputError(
        "c", observed="o", expected="e", likely_cause="l", fix="f", severity="warning"
    )
    finding = make_finding("masks", error, case_id="x", path="p")
    assert finding == Finding("masks", "warning", "c", "o", "e", "l", "f", "x", "p")
    assert str(error) == "c: o (expected e)"


def test_findings_of_a_unit_get_its_identity() -> None:
    blob = Blob(Name("masks_ftv/ISPY1_9001.nii.gz", "mask", "ftv", "ISPY1_9001"), "0" * 32, 5)
    bare = replace(ONE, case_id=None, path=None)
    profile = load_profile(ROOT, "phantom")
    assert add_identity([bare], (blob,), "blob", profile) == [ONE]
    of_another_case = replace(bare, case_id="ISPY1_9002")
    (finding,) = add_identity([of_another_case], (blob,), "blob", profile)
    assert finding.case_id == "ISPY1_9002"
    assert add_identity([bare], (), "release", profile) == [bare]
    assert add_identity([bare], (blob, blob), "release", profile) == [bare]
