"""Units of several blobs: what is in them, what they are filed under, whom their findings name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support import ROOT, write_nifti, zscored_image

from etl.build.manifest import Manifest
from etl.build.seed import seed_units
from etl.model.findings import Finding
from etl.model.profile import load_profile
from etl.model.project import TABLES
from etl.model.release import list_blobs_of_case, name_role, parse
from etl.model.schema import CASE_ID, INPUTS_MD5, Column, Table
from etl.model.store import table_path, write_table
from etl.tables.unit import Blob, Context, add_identity, list_units, make_unit_key
from etl.tables.volumes import open_volumes

PROFILE = load_profile(ROOT, "phantom")
CASE, OTHER = "ISPY1_9001", "ISPY1_9002"
TABLE = Table(
    name="pairs", grain="One row per pair", key=("case_id", "pair"),
    columns=(CASE_ID, Column("pair", "string", "Pair"), INPUTS_MD5),
    per="case", adds=("case_id", "inputs_md5"),
)  # fmt: skip


def blob(path: str, md5: str = "0") -> Blob:
    return Blob(parse(path, PROFILE), md5, 1)


def mask(name: str, case: str = CASE, md5: str = "0") -> Blob:
    return blob(f"masks_{name}/{case}.nii.gz", md5)


def test_roles_name_each_blob_of_a_case_once() -> None:
    roles = [name_role(name) for name in list_blobs_of_case(CASE, PROFILE)]
    assert roles[0] == "image_n3_0"
    assert roles[5:7] == ["image_zscored_2", "mask_ftv"]
    assert len(set(roles)) == 9
    assert name_role(parse("README", PROFILE)) == "other"


def test_a_unit_is_all_blobs_of_a_case() -> None:
    blobs = (mask("ftv", OTHER), mask("stv_manual"), mask("ftv"), blob("README"))
    double = blob(f"masks_ftv/{CASE}.nii")
    units = list_units("case", (double, *blobs))
    assert [[b.path for b in unit] for unit in units] == [
        [f"masks_ftv/{CASE}.nii.gz", f"masks_stv_manual/{CASE}.nii.gz"],
        [f"masks_ftv/{OTHER}.nii.gz"],
    ]


def test_the_key_of_a_unit() -> None:
    one, two = mask("ftv", md5="a"), mask("stv_manual", md5="b")
    key = make_unit_key((one, two))
    assert make_unit_key((two, one)) == key
    # Another case with the same contents has the same values; swapped contents have others.
    assert make_unit_key((mask("ftv", OTHER, "a"), mask("stv_manual", OTHER, "b"))) == key
    assert make_unit_key((mask("ftv", md5="b"), mask("stv_manual", md5="a"))) != key
    assert make_unit_key((one,)) != make_unit_key((mask("stv_manual", md5="a"),)) != key


def finding(path: str | None) -> Finding:
    return Finding("pairs", "warning", "c", "o", "e", "l", "f", path=path)


@pytest.mark.parametrize(
    ("named", "path"),
    [
        ("mask_ftv", f"masks_ftv/{CASE}.nii"),
        ("mask_stv_manual", f"masks_stv_manual/{CASE}.nii.gz"),  # missing: where it belongs
        (None, None),
    ],
)
def test_a_finding_names_a_blob_by_its_role(named: str | None, path: str | None) -> None:
    unit = (blob(f"masks_ftv/{CASE}.nii"),)
    (found,) = add_identity([finding(named)], unit, "case", PROFILE)
    assert (found.case_id, found.path) == (CASE, path)


def test_open_volumes_reads_what_is_there_and_says_what_is_not(tmp_path: Path) -> None:
    good = blob(
        f"images_bias-corrected_resampled_zscored_nifti/{CASE}/{CASE}_DCE_0001_N3_zscored.nii"
    )
    write_nifti(tmp_path / good.path, zscored_image(1, 1))
    bad = mask("ftv")
    (tmp_path / bad.path).parent.mkdir(parents=True)
    (tmp_path / bad.path).write_bytes(b"no mask")
    context = Context(ROOT, tmp_path, PROFILE, ())
    roles = ("image_zscored_1", "mask_ftv", "mask_stv_manual")
    volumes, findings = open_volumes("pairs", (good, bad), context, roles)
    assert list(volumes) == ["image_zscored_1"]
    assert [(f.severity, f.check, f.path) for f in findings] == [
        ("warning", "not_nifti", "mask_ftv")
    ]


def test_the_seed_of_a_table_of_cases(tmp_path: Path) -> None:
    """Cases of equal blobs are one unit; a case with a finding is measured again."""
    rows: list[dict[str, Any]] = [
        {"case_id": case, "pair": pair, "inputs_md5": key}
        for case, key in ((CASE, "k"), (OTHER, "k"), ("ISPY1_9003", "m"))
        for pair in ("a", "b")
    ]
    about = Finding("pairs", "info", "c", "o", "e", "l", "f", case_id="ISPY1_9003")
    write_table(TABLE, rows, table_path(tmp_path / TABLES, "pairs"), meta={})
    units = seed_units(tmp_path, TABLE, Manifest(findings={"pairs": [about.row()]}), ())
    assert {content: unit.rows.to_pylist() for content, unit in units.items()} == {
        "k": [{"pair": "a"}, {"pair": "b"}]
    }
