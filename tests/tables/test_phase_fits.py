"""The table `phase_fits`: one slope a phase, and whether a case's phases are on one scale."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from rebuild import rebuild
from support import (
    CASES,
    FINE,
    NATIVE,
    NATIVE_AFFINE,
    Row,
    findings,
    n3_image,
    rows,
    write_nifti,
    zscored_image,
)

from etl.model.params_file import set_params
from etl.model.project import params
from etl.tables.phase_fits import compare_phases

CASE, OTHER = CASES
N3 = f"images_bias-corrected_nifti/{CASE}/{CASE}_DCE_000{{}}_N3.nii.gz"
_FOLDER = f"images_bias-corrected_resampled_zscored_nifti/{CASE}"
ZSCORED = f"{_FOLDER}/{CASE}_DCE_000{{}}_N3_zscored.nii.gz"
FIT = ("slope", "intercept", "r_squared", "n_voxels", "n_outliers", "relative_slope")


def fits(root: Path, case: str = CASE) -> list[Row]:
    return [row for row in rows(root, "phase_fits") if row["case_id"] == case]


def told(root: Path) -> list[tuple[str, str, str | None]]:
    found = findings(root, table="phase_fits")
    return sorted((f["check"], f["severity"], f["path"]) for f in found)


def rebuilt_fits(root: Path) -> list[Row]:
    rebuild(root, "phase_fits")
    return fits(root)


def test_one_row_a_case_and_phase(built: Path) -> None:
    found = rows(built, "phase_fits")
    assert [(r["case_id"], r["phase"]) for r in found] == [(c, p) for c in CASES for p in (0, 1, 2)]
    for row in found:
        # 2.5 per unit of signal in z, 12,000 in N3
        assert row["slope"] == pytest.approx(2.5 / 12000, rel=0.03)
        assert row["r_squared"] > 0.99
        assert row["n_voxels"] > 0.8 * 17 * 14 * 15  # centres inside the native grid
    assert told(built) == []


def test_lineage(built: Path) -> None:
    md5s = {r["path"]: r["md5"] for r in rows(built, "blobs")}
    for row in fits(built):
        assert row["n3_blob_md5"] == md5s[N3.format(row["phase"])]
        assert row["zscored_blob_md5"] == md5s[ZSCORED.format(row["phase"])]
    assert len({row["inputs_md5"] for row in rows(built, "phase_fits")}) == 2


def test_a_case_on_one_scale(built: Path) -> None:
    for case in CASES:
        found = fits(built, case)
        slopes = [row["slope"] for row in found]
        assert {row["is_stretched"] for row in found} == {False}
        assert {row["slope_difference"] for row in found} == {max(slopes) / min(slopes) - 1}
        assert [row["relative_slope"] for row in found] == [s / min(slopes) for s in slopes]


def test_a_stretched_phase(project: Path, release: Path) -> None:
    image = (n3_image(9001, 1) * 0.8).astype(np.int16)
    write_nifti(release / N3.format(1), image, NATIVE_AFFINE)
    found = rebuilt_fits(project)
    assert {row["is_stretched"] for row in found} == {True}
    assert found[1]["relative_slope"] == pytest.approx(1.25, rel=0.02)
    assert {row["is_stretched"] for row in fits(project, OTHER)} == {False}
    assert told(project) == []


def test_the_limit_is_a_parameter_and_in_the_recipe(project: Path, release: Path) -> None:
    image = (n3_image(9001, 1) * 0.8).astype(np.int16)
    write_nifti(release / N3.format(1), image, NATIVE_AFFINE)
    assert {row["is_stretched"] for row in rebuilt_fits(project)} == {True}
    before = (project / "data/index/phase_fits.csv").read_text().splitlines()[0]
    set_params(project / "params.yaml", {"phase_fits.max_slope_difference": 0.5})
    params.cache_clear()
    assert {row["is_stretched"] for row in rebuilt_fits(project)} == {False}
    assert (project / "data/index/phase_fits.csv").read_text().splitlines()[0] != before


@pytest.mark.parametrize("gone", [N3, ZSCORED])
def test_a_missing_image(project: Path, release: Path, gone: str) -> None:
    path = gone.format(2)
    (release / path).unlink()
    found = rebuilt_fits(project)
    assert [row["phase"] for row in found] == [0, 1, 2]
    assert {name: found[2][name] for name in FIT} == dict.fromkeys(FIT)
    assert (found[2]["n3_blob_md5"] is None) == (gone == N3)
    # Two phases on one scale do not show that the third is.
    assert {row["is_stretched"] for row in found} == {None}
    assert found[0]["slope_difference"] < 0.05
    assert told(project) == [("phase_without_image", "info", path)]


def test_two_phases_are_enough_to_see_stretching(project: Path, release: Path) -> None:
    (release / N3.format(2)).unlink()
    write_nifti(release / N3.format(1), (n3_image(9001, 1) * 0.5).astype(np.int16), NATIVE_AFFINE)
    assert {row["is_stretched"] for row in rebuilt_fits(project)} == {True}


def test_one_image_set_alone(project: Path, release: Path) -> None:
    for phase in range(3):
        (release / N3.format(phase)).unlink()
    found = rebuilt_fits(project)
    assert {row["slope"] for row in found} == {row["is_stretched"] for row in found} == {None}
    expected = [("phase_without_image", "info", N3.format(phase)) for phase in range(3)]
    assert told(project) == expected
    assert len(fits(project, OTHER)) == 3


def test_an_unreadable_image(project: Path, release: Path) -> None:
    path = release / ZSCORED.format(0)
    path.write_bytes(path.read_bytes()[:-40])
    found = rebuilt_fits(project)
    assert [row["slope"] is None for row in found] == [True, False, False]
    assert found[0]["zscored_blob_md5"] is not None
    assert told(project) == [("gzip_truncated", "warning", ZSCORED.format(0))]


def test_images_that_do_not_belong_together(project: Path, release: Path) -> None:
    noise = np.random.default_rng(1).normal(0, 1, FINE).astype(np.float32)
    write_nifti(release / ZSCORED.format(1), noise, forms="q")
    found = rebuilt_fits(project)
    assert found[1]["slope"] is not None
    assert found[1]["r_squared"] < 0.1
    assert found[1]["relative_slope"] is None
    assert {row["is_stretched"] for row in found} == {None}
    assert told(project) == [("phase_off_line", "warning", N3.format(1))]


def test_an_image_without_content(project: Path, release: Path) -> None:
    write_nifti(release / N3.format(0), np.zeros(NATIVE, np.int16), NATIVE_AFFINE)
    found = rebuilt_fits(project)
    assert {name: found[0][name] for name in FIT} == dict.fromkeys(FIT)
    assert told(project) == [("phase_without_line", "warning", N3.format(0))]


def test_voxels_that_are_not_finite(project: Path, release: Path, built: Path) -> None:
    voxels = zscored_image(9001, 0)
    voxels[8, 8, 8], voxels[3, 3, 3] = np.nan, np.inf
    write_nifti(release / ZSCORED.format(0), voxels, forms="q")
    assert rebuilt_fits(project)[0]["slope"] == pytest.approx(fits(built)[0]["slope"], rel=1e-3)
    assert told(project) == []


def test_masks_alone_have_no_row(project: Path, release: Path) -> None:
    for folder in release.glob("images_*"):
        shutil.rmtree(folder)
    assert rebuilt_fits(project) == []
    assert told(project) == []


@pytest.mark.parametrize(
    ("slopes", "is_stretched"),
    [
        ((1.0, None, None), None),
        ((1.0, 1.25, 1.0), False),
        ((1.0, 1.2500001, 1.0), True),
        ((1.0, 1.5, None), True),
        ((1.0, 1.1, None), None),
        ((1.0, 1.1, -1.0), None),
    ],
)
def test_what_is_said_of_a_difference(
    slopes: tuple[float | None, ...], *, is_stretched: bool | None
) -> None:
    lines = pl.DataFrame({"case_id": [CASE] * 3, "slope": slopes, "r_squared": [1.0] * 3})
    assert compare_phases(lines, 0.9, 0.25)["is_stretched"].to_list() == [is_stretched] * 3
