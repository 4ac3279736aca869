"""A user's own masks: no contract judges them, so none of them makes a build red."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from rebuild import rebuild
from support import Array, Row, build_table, findings, mask_voxels, write_nifti
from typer.testing import CliRunner

from etl.cli import app
from etl.model.errors import UserError
from etl.model.params_file import set_params
from etl.model.project import TABLES, params, read_yaml
from etl.model.store import read_table, table_path

OWN = "masks_net/ISPY1_9001.nii.gz"


def masks_findings(root: Path) -> list[Row]:
    """The findings of the table."""
    return findings(root, table="masks")


@pytest.mark.parametrize("fault", ["4-D", "truncated", "link", "empty file"])
def test_a_mask_that_cannot_be_read_is_a_warning(
    project: Path, release: Path, tmp_path: Path, fault: str
) -> None:
    path = write_nifti(release / OWN, mask_voxels(1, "stv_manual"))
    if fault == "4-D":
        nib.Nifti1Image(np.ones((4, 4, 4, 2), np.uint8), np.eye(4)).to_filename(path)
    elif fault == "truncated":
        path.write_bytes(path.read_bytes()[:-200])
    elif fault == "link":
        path.rename(tmp_path / "away.nii.gz")
        path.symlink_to(tmp_path / "away.nii.gz")
    else:
        path.write_bytes(b"")
    rebuild(project, "images", "masks")
    found = [row for row in masks_findings(project) if row["path"] == OWN]
    assert [row["severity"] for row in found] == ["warning"]


SOFT = np.linspace(0, 1, 16**3, dtype="f4").reshape(16, 16, 16)
LABELS = np.zeros((16, 16, 16), "u1")
LABELS[4:6, 4:6, 4:6], LABELS[8:10, 8:10, 8], LABELS[12, 12, 12] = 1, 2, 4
LOGITS = 20 * SOFT - 10


def build_own(project: Path, voxels: Array, rule: object, name: str = "net") -> Row:
    """The row of a mask of one's own, by a rule or none."""
    write_nifti(project / f"data/release/masks_{name}/ISPY1_9001.nii.gz", voxels)
    if rule is not None:
        set_params(project / "params.yaml", {f"mask_sets.{name}": rule})  # type: ignore[dict-item]
        params.cache_clear()
    rebuild(project, "images", "masks")
    found: list[Row] = read_table(table_path(project / TABLES, "masks")).to_pylist()
    return next(row for row in found if row["mask"] == name)


@pytest.mark.usefixtures("release")
@pytest.mark.parametrize(
    "voxels",
    [
        SOFT,  # nnU-Net --save_probabilities, MONAI without AsDiscrete
        LOGITS,
        LABELS,  # BraTS: 1, 2, 4
        np.where(LABELS, 1, -1).astype("i2"),
        np.where(LABELS, 1, 1e-6).astype("f4"),
    ],
    ids=["probabilities", "logits", "labels", "signs", "faint background"],
)
def test_several_values_without_a_rule_are_null_and_name_the_option(
    project: Path, voxels: Array
) -> None:
    row = build_own(project, voxels, None)
    measures = ("voxel_count", "volume_cm3", "voxel_digest", "n_components", "touches_border")
    assert [row[name] for name in measures] == [None] * 5
    (found,) = [f for f in masks_findings(project) if f["check"] == "own_mask_needs_rule"]
    assert (found["severity"], found["path"]) == ("warning", OWN)
    assert "--threshold 0.5" in found["fix"]


@pytest.mark.usefixtures("release")
@pytest.mark.parametrize(
    ("voxels", "rule", "expected"),
    [
        (SOFT, {"threshold": 0.5}, SOFT >= 0.5),
        (LOGITS, {"threshold": 0}, LOGITS >= 0),
        (LABELS, {"labels": [1, 4]}, (LABELS == 1) | (LABELS == 4)),
        (np.where(LABELS, 1, -1).astype("i2"), {"labels": [1]}, LABELS > 0),
        (np.where(LABELS, 0.25, np.nan).astype("f4"), {"threshold": 0.1}, LABELS > 0),
    ],
    ids=["probabilities", "logits", "labels", "signs", "NaN"],
)
def test_a_rule_says_which_values_are_foreground(
    project: Path, voxels: Array, rule: dict[str, object], expected: Array
) -> None:
    row = build_own(project, voxels, rule)
    assert row["voxel_count"] == np.count_nonzero(expected)
    assert row["foreground_rule"].startswith(next(iter(rule)))
    assert "own_mask_needs_rule" not in {f["check"] for f in masks_findings(project)}


@pytest.mark.usefixtures("release")
def test_one_file_in_two_sets_has_two_rules(project: Path) -> None:
    strict = build_own(project, SOFT, {"threshold": 0.9}, "strict")
    wide = build_own(project, SOFT, {"threshold": 0.5}, "wide")
    assert strict["blob_md5"] == wide["blob_md5"]
    assert strict["voxel_count"] == np.count_nonzero(SOFT >= 0.9)
    assert wide["voxel_count"] == np.count_nonzero(SOFT >= 0.5)
    changed = build_own(project, SOFT, {"threshold": 0.7}, "wide")
    assert changed["voxel_count"] == np.count_nonzero(SOFT >= 0.7)


@pytest.mark.usefixtures("release")
def test_agreement_follows_the_rule(project: Path) -> None:
    soft = np.where(mask_voxels(1, "stv_manual"), 0.8, 0.1).astype("f4")
    for rule, dice in ((None, None), ({"threshold": 0.5}, 1.0)):
        build_own(project, soft, rule)
        build_table(project, "mask_agreement", workers=1)
        rows = read_table(table_path(project / TABLES, "mask_agreement")).to_pylist()
        pairs = {(row["mask_a"], row["mask_b"]): row["dice"] for row in rows}
        assert pairs.get(("stv_manual", "net")) == dice


@pytest.mark.usefixtures("release")
def test_a_mask_that_fills_its_image_is_told(project: Path) -> None:
    build_own(project, np.ones((16, 16, 16), "u1"), None)
    assert "own_mask_fills_image" in {f["check"] for f in masks_findings(project)}


@pytest.mark.usefixtures("release")
@pytest.mark.parametrize("rule", [{"threshold": "x"}, {"labels": 1}, {"above": 1}, 0.5])
def test_a_rule_that_is_none_is_a_sentence(project: Path, rule: object) -> None:
    with pytest.raises(UserError, match=r"mask_sets\.net is .*; expected \{threshold"):
        build_own(project, LABELS, rule)


def test_adopt_records_the_rule(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("data/release/masks_ftv", "own"):
        write_nifti(bare / folder / "ISPY1_9001.nii.gz", LABELS)
    monkeypatch.chdir(bare)

    def run(*words: str) -> str:
        params.cache_clear()
        done = CliRunner().invoke(app, ["adopt", "own", "--mask-set", "net", *words])
        assert done.exit_code == 0, done.output
        return done.output

    assert "labels" in run("--labels", "1,4", "--dry-run")
    assert "mask_sets" not in read_yaml(bare / "params.yaml")
    run("--labels", "1,4")
    assert read_yaml(bare / "params.yaml")["mask_sets"] == {"net": {"labels": [1, 4]}}
    run("--threshold", "0.5")
    assert read_yaml(bare / "params.yaml")["mask_sets"] == {"net": {"threshold": 0.5}}
    assert "nothing changed" in run()


@pytest.mark.parametrize(
    "words",
    [
        ["--threshold", "0.5"],
        ["--mask-set", "net", "--threshold", "0.5", "--labels", "1"],
        ["--mask-set", "net", "--threshold", "nan"],
        ["--mask-set", "net", "--labels", "a"],
    ],
)
def test_half_a_rule_is_a_sentence(
    bare: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.chdir(bare)
    told = CliRunner().invoke(app, ["adopt", ".", *words])
    assert isinstance(told.exception, UserError)
