"""A raw data set of nnU-Net: its own rules hold, and who is not in it is named."""

from __future__ import annotations

import gzip
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK
from support import CASES, FINE, FINE_AFFINE, ROOT, by_nibabel, mask_voxels, write_nifti

from etl.exchange import export_for
from etl.exchange.cases import Image, Mask, describe_difference, list_lacks
from etl.exchange.labels import put_label
from etl.exchange.target import Options, put_in_place
from etl.measure.grids import Grid
from etl.model.errors import UserError
from etl.model.profile import load_profile

NAME = "Dataset101_ISPY1"


def verify_dataset_integrity(folder: Path) -> None:
    """Check a raw data set as nnU-Net 2.8.1 does, in its order and with its tolerances.

    nnunetv2/experiment_planning/verify_dataset_integrity.py cannot be imported without torch, which
    is gigabytes: LabelManager imports it. What is written here once more: the keys, the files of
    a case by the regular expression of utilities/utils.py, consecutive labels, no label but these,
    no NaN, and np.allclose of sizes and spacings as SimpleITK, its first reader, sees them; its
    warnings (origin, direction) are errors here. Its own code, with a stub for torch, took exports
    of ftv and of stv_manual of the demo phantom when this was written.
    """
    dataset = json.loads((folder / "dataset.json").read_text())
    assert {"labels", "channel_names", "numTraining", "file_ending"} <= dataset.keys()
    ending, n_channels = dataset["file_ending"], len(dataset["channel_names"])
    files = sorted(path.name for path in (folder / "imagesTr").iterdir())
    case_ids = sorted({name[: -len(ending) - 5] for name in files})
    assert len(case_ids) == dataset["numTraining"]
    labels = list(dataset["labels"].values())
    assert labels == list(range(len(labels)))
    for case_id in case_ids:
        form = re.compile(re.escape(case_id) + r"_\d\d\d\d" + re.escape(ending))
        images = [read(folder / "imagesTr" / name) for name in files if form.fullmatch(name)]
        assert len(images) == n_channels
        label = read(folder / "labelsTr" / f"{case_id}{ending}")
        assert set(np.unique(SimpleITK.GetArrayFromImage(label))) <= set(labels)
        for image in images:
            assert not np.isnan(SimpleITK.GetArrayFromImage(image)).any()
            assert image.GetSize() == label.GetSize()
            for fact in ("GetSpacing", "GetOrigin", "GetDirection"):
                assert np.allclose(getattr(image, fact)(), getattr(label, fact)())


def read(path: Path) -> Any:  # noqa: ANN401  SimpleITK is not typed
    return SimpleITK.ReadImage(str(path))


@pytest.mark.parametrize("masks", ["stv_manual", "ftv"])
def test_nnunet_takes_it(released: Path, tmp_path: Path, masks: str) -> None:
    exported = export_for("nnunet", released, tmp_path / NAME, Options(masks=masks))
    verify_dataset_integrity(tmp_path / NAME)
    is_converted = any("2 of 2 labels had other values" in note for note in exported.notes)
    assert is_converted == (masks == "ftv")
    for number, case_id in enumerate(CASES, 1):
        label = np.asarray(by_nibabel(tmp_path / NAME / f"labelsTr/{case_id}.nii.gz").dataobj)
        assert np.array_equal(label, mask_voxels(number, masks) != 0)
    assert (tmp_path / NAME / "imagesTr/ISPY1_9001_0000.nii.gz").is_symlink()


def test_splits_are_the_folds(released: Path, tmp_path: Path) -> None:
    export_for("nnunet", released, tmp_path / NAME, Options())
    splits = json.loads((tmp_path / NAME / "splits_final.json").read_text())
    folds = dict(line.split(",")[:2] for line in (released / "splits.csv").read_text().split()[1:])
    assert len(splits) == 5
    for fold, split in enumerate(splits):
        assert split["val"] == [case for case in CASES if folds[case] == str(fold)]
        assert sorted(split["train"] + split["val"]) == list(CASES)


def test_same_bytes_again_and_no_file_of_another_case(released: Path, tmp_path: Path) -> None:
    target, options = tmp_path / NAME, Options(masks="ftv", copy="copy", force=True)
    contents = []
    for _ in range(2):
        export_for("nnunet", released, target, options)
        contents.append({p: p.read_bytes() for p in target.rglob("*") if p.is_file()})
    assert contents[0] == contents[1]
    (target / "labelsTr" / "ISPY1_9009.nii.gz").write_bytes(b"")
    with pytest.raises(UserError, match=r"ISPY1_9009\.nii\.gz: is of none of these cases"):
        export_for("nnunet", released, target, options)


def test_a_case_without_a_phase_is_left_out_and_named(lacking: Path, tmp_path: Path) -> None:
    exported = export_for("nnunet", lacking, tmp_path / NAME, Options())
    assert "left out (no readable image zscored of phase 2): ISPY1_9002" in exported.notes
    verify_dataset_integrity(tmp_path / NAME)
    blob = lacking / "data/release/masks_stv_manual/ISPY1_9001.nii.gz"
    blob.write_bytes(blob.read_bytes() + b"\0")
    with pytest.raises(UserError, match=r"Run `ispy1 repro`"):
        export_for("nnunet", lacking, tmp_path / "again" / NAME, Options())


@pytest.mark.parametrize(
    ("options", "name", "message"),
    [
        (Options(masks="ftv", images="zscored"), NAME, r"ISPY1_9001: images .* differ in size: 18"),
        (Options(masks="mine"), NAME, "--masks mine: .* expected ftv, stv_manual, stv_resunet"),
        (Options(images="raw"), NAME, "--images raw: .* expected n3, zscored"),
        (Options(copy="move"), NAME, "expected symlink, hardlink, copy"),
        (Options(), "out", "nnU-Net wants a name such as Dataset101_ISPY1"),
    ],
)
def test_refusals(
    released: Path, tmp_path: Path, options: Options, name: str, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        export_for("nnunet", released, tmp_path / name, options)
    assert not (tmp_path / name / "dataset.json").exists()


def change(affine: Any, *cells: tuple[int, int], by: float) -> Grid:  # noqa: ANN401  numpy
    changed = np.array(affine)
    for cell in cells:
        changed[cell] += by
    return FINE, changed


@pytest.mark.parametrize(
    ("other", "difference"),
    [
        (change(FINE_AFFINE, (1, 3), by=0.005), None),
        (((18, 15, 17), FINE_AFFINE), "size: 18 x 15 x 16 and 18 x 15 x 17 voxels"),
        (change(FINE_AFFINE, (1, 0), by=-1e-4), "spacing: 1 x 1 x 1 and 1.0001 x 1 x 1 mm"),
        (change(FINE_AFFINE, (1, 3), by=0.02), "origin: 60 x 40 x -30 and 60 x 40.02 x -30 mm"),
        (change(FINE_AFFINE, (0, 0), by=2e-3), "direction"),
    ],
)
def test_grids_that_differ_and_how(other: Grid, difference: str | None) -> None:
    assert describe_difference((FINE, FINE_AFFINE), other) == difference


def test_what_a_case_lacks() -> None:
    image = Image("i", "", (FINE, FINE_AFFINE), 0)
    mask = Mask("m", "", image.grid, 0, rule="", is_usable=True, is_binary=True)
    images = dict.fromkeys((0, 1), image)
    moved = replace(image, grid=change(FINE_AFFINE, (0, 3), by=1.0))
    sets = ("n3", "ftv")
    assert not [*list_lacks(sets, (0, 1), images, mask)]
    for lacking, of_mask, reason in (
        (images | {1: replace(image, n_nonfinite=3)}, mask, "voxels that are not finite"),
        (images | {1: moved}, mask, "phases 0 and 1 differ in origin"),
        (images, replace(mask, grid=moved.grid), "images n3 and mask ftv differ in origin"),
        (images, None, "no readable mask ftv"),
        (images, replace(mask, is_usable=False), "no rule says which are foreground"),
    ):
        assert reason in next(list_lacks(sets, (0, 1), lacking, of_mask))


def test_an_own_mask_follows_its_rule(tmp_path: Path) -> None:
    profile, shares = load_profile(ROOT, "phantom"), np.linspace(0, 1, 60, dtype=np.float32)
    path, target = "masks_mine/ISPY1_9001.nii.gz", tmp_path / "labelsTr/ISPY1_9001.nii.gz"
    voxels = shares.reshape(5, 4, 3)
    source = write_nifti(tmp_path / path, voxels, forms="q", extension=b"by a network")
    grid = voxels.shape, FINE_AFFINE
    mask = Mask(path, "", grid, 0, rule="threshold 0.5", is_usable=True, is_binary=False)
    assert put_label(source, mask, target, "symlink", profile)
    label = by_nibabel(target)
    assert np.array_equal(np.asarray(label.dataobj), voxels >= 0.5)
    assert np.allclose(label.affine, FINE_AFFINE)
    assert (label.get_data_dtype(), len(label.header.extensions)) == (np.uint8, 0)


def test_what_is_not_compressed_becomes_so(tmp_path: Path) -> None:
    source = write_nifti(tmp_path / "a.nii", np.zeros((3, 3, 3), np.uint8))
    assert put_in_place(source, tmp_path / "b.nii.gz", "symlink") == "copy"
    assert gzip.decompress((tmp_path / "b.nii.gz").read_bytes()) == source.read_bytes()


def test_a_file_system_without_links_gets_copies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.nii").write_bytes(b"voxels")

    def refuse(*_given: object, **_named: object) -> None:
        raise OSError

    monkeypatch.setattr(Path, "symlink_to", refuse)
    assert put_in_place(tmp_path / "a.nii", tmp_path / "b.nii", "symlink") == "hardlink"
    assert put_in_place(tmp_path / "a.nii", tmp_path / "b.nii", "symlink") == "hardlink"
    monkeypatch.setattr("os.link", refuse)
    assert put_in_place(tmp_path / "a.nii", tmp_path / "b.nii", "symlink") == "copy"
    assert not (tmp_path / "b.nii").samefile(tmp_path / "a.nii")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.nii", "b.nii"]
