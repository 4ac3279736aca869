"""The table `kinetics`: enhancement of every mask, on both grids, or why there is none."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest
from made import META, fill_table
from measure.by_hand import carry_by_hand
from rebuild import rebuild
from support import (
    CASES,
    FINE,
    FINE_AFFINE,
    NATIVE_AFFINE,
    ZERO_LEVEL,
    Array,
    Row,
    build_table,
    by_nibabel,
    findings,
    make_project,
    mask_voxels,
    n3_image,
    rows,
    write_nifti,
    zscored_image,
)

from etl.build.plan import add_needs
from etl.model.params_file import set_params
from etl.model.project import params
from etl.model.store import table_path, write_table
from etl.phantom.build import make
from etl.tables import acquisitions
from etl.tables.kinetics import _MEASURES, _OF_UNIT

CASE, OTHER = CASES
MASKS = ("ftv", "stv_manual", "stv_resunet")
N3 = f"images_bias-corrected_nifti/{CASE}/{CASE}_DCE_000{{}}_N3.nii.gz"
_FOLDER = f"images_bias-corrected_resampled_zscored_nifti/{CASE}"
ZSCORED = f"{_FOLDER}/{CASE}_DCE_000{{}}_N3_zscored.nii.gz"
MANUAL = f"masks_stv_manual/{CASE}.nii.gz"


def row_of(root: Path, mask: str, image_set: str = "zscored", case: str = CASE) -> Row:
    key = (case, mask, image_set)
    (row,) = [r for r in rows(root, "kinetics") if (r["case_id"], r["mask"], r["image_set"]) == key]
    return row


def rebuilt_kinetics(root: Path, case: str = CASE) -> list[Row]:
    rebuild(root, "phase_fits", "kinetics")
    return [row for row in rows(root, "kinetics") if row["case_id"] == case]


def told(root: Path) -> list[tuple[str, str, str | None]]:
    found = findings(root, table="kinetics")
    return sorted((f["check"], f["severity"], f["path"]) for f in found)


@pytest.fixture
def release(rebuilt: Path) -> Path:
    """The release of `rebuilt`, whose other tables are built."""
    return rebuilt / "data" / "release"


# --- values --------------------------------------------------------------------------------


def test_one_row_a_case_mask_and_image_set(built: Path) -> None:
    keys = [(r["case_id"], r["mask"], r["image_set"]) for r in rows(built, "kinetics")]
    assert keys == [(c, m, s) for c in CASES for m in MASKS for s in ("n3", "zscored")]
    assert told(built) == []


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("image_set", ["n3", "zscored"])
def test_against_the_script_people_write(built: Path, case: str, mask: str, image_set: str) -> None:
    row = row_of(built, mask, image_set, case)
    images = [
        r["path"]
        for r in rows(built, "images")
        if (r["case_id"], r["image_set"]) == (case, image_set)
    ]
    signals = [by_nibabel(built / "data/release" / path).get_fdata() for path in images]
    image = by_nibabel(built / "data/release" / images[0])
    masked = by_nibabel(built / f"data/release/masks_{mask}/{case}.nii.gz")
    bits = np.asarray(masked.dataobj) > 0
    inside = carry_by_hand(bits, masked.affine, image.affine, image.shape)
    zero = 0.0 if image_set == "n3" else min(float(s.min()) for s in signals)
    s0, s1, s2 = (signal[inside] - zero for signal in signals)
    pe = 100 * (s1 - s0) / s0
    up = pe >= 70
    ser = ((s1 - s0) / (s2 - s0))[up]
    volume = abs(np.linalg.det(image.affine[:3, :3])) / 1000
    assert row["zero_level"] == zero
    assert row["n_voxels"] == inside.sum()
    assert row["mask_volume_cm3"] == pytest.approx(inside.sum() * volume)
    assert row["n_enhancing"] == up.sum()
    assert row["n_excluded_no_enhancement"] == (~up).sum()
    assert row["n_excluded_low_s0"] == row["n_excluded_nonfinite"] == row["n_below_baseline"] == 0
    names = ("p25", "median", "p75")
    assert [row[f"pe_{n}_percent"] for n in names] == pytest.approx(_quartiles(pe))
    assert [row[f"ser_{n}"] for n in names] == pytest.approx(_quartiles(ser))
    assert row["washout_fraction"] == (ser > 1.1).mean()
    assert row["persistent_fraction"] == (ser < 0.9).mean()
    for least in (70, 90, 100, 140):
        expected = (pe >= least).sum() * volume
        assert row[f"enhancing_volume_pe{least}_cm3"] == pytest.approx(expected)
    assert row["is_carried"] == ((mask == "ftv") != (image_set == "n3"))


def _quartiles(values: Array) -> list[float]:
    return [float(q) for q in np.percentile(values, [25, 50, 75])]


def test_lineage(built: Path) -> None:
    md5s = {r["path"]: r["md5"] for r in rows(built, "blobs")}
    row = row_of(built, "stv_manual")
    assert row["mask_blob_md5"] == md5s[MANUAL]
    assert row["image_blob_md5s"] == [md5s[ZSCORED.format(phase)] for phase in range(3)]
    assert row_of(built, "ftv", "n3")["image_blob_md5s"] == [md5s[N3.format(p)] for p in range(3)]
    assert row["inputs_md5"] == row_of(built, "ftv", "n3")["inputs_md5"]


def test_flipped_axes_change_nothing(rebuilt: Path, release: Path) -> None:
    """The same voxels stored from the other end: image by image, and the mask alone."""
    before = row_of(rebuilt, "stv_manual")
    flip = np.diag([-1.0, 1.0, -1.0, 1.0])
    flip[0, 3], flip[2, 3] = FINE[0] - 1, FINE[2] - 1
    voxels = np.flip(mask_voxels(9001, "stv_manual"), (0, 2))
    write_nifti(release / MANUAL, voxels, FINE_AFFINE @ flip)
    rebuilt_kinetics(rebuilt)
    after = row_of(rebuilt, "stv_manual")
    assert after["is_carried"]
    for phase in range(3):
        image = np.flip(zscored_image(9001, phase), (0, 2))
        write_nifti(release / ZSCORED.format(phase), image, FINE_AFFINE @ flip)
    rebuilt_kinetics(rebuilt)
    again = row_of(rebuilt, "stv_manual")
    assert not again["is_carried"]
    for name in set(_OF_UNIT) - {"is_carried"}:
        assert before[name] == after[name] == again[name], name


def test_a_mask_of_ones_own_on_either_grid(rebuilt: Path, release: Path) -> None:
    for own, like in (("mine", "stv_manual"), ("other", "ftv")):
        (release / f"masks_{own}").mkdir()
        shutil.copy(release / f"masks_{like}/{CASE}.nii.gz", release / f"masks_{own}")
    rebuilt_kinetics(rebuilt)
    for own, like in (("mine", "stv_manual"), ("other", "ftv")):
        for image_set in ("n3", "zscored"):
            one, other = row_of(rebuilt, own, image_set), row_of(rebuilt, like, image_set)
            assert {n: one[n] for n in _OF_UNIT} == {n: other[n] for n in _OF_UNIT}
    assert told(rebuilt) == []


def test_the_least_enhancement_is_a_parameter_and_in_the_recipe(rebuilt: Path) -> None:
    before = row_of(rebuilt, "ftv")
    recipe = (rebuilt / "data/index/kinetics.csv").read_text().splitlines()[0]
    set_params(rebuilt / "params.yaml", {"kinetics.pe_min_percent": 0})
    params.cache_clear()
    rebuilt_kinetics(rebuilt)
    after = row_of(rebuilt, "ftv")
    assert after["n_enhancing"] > before["n_enhancing"]
    assert after["pe_median_percent"] == before["pe_median_percent"]
    assert (rebuilt / "data/index/kinetics.csv").read_text().splitlines()[0] != recipe


def test_voxels_that_are_not_finite_or_have_no_signal(rebuilt: Path, release: Path) -> None:
    before = row_of(rebuilt, "stv_manual")
    voxels = zscored_image(9001, 0)
    voxels[9, 7, 8], voxels[9, 7, 7], voxels[9, 7, 9] = np.nan, ZERO_LEVEL, np.inf
    voxels[1, 1, 1] = -np.inf  # outside the mask: it is no zero level
    write_nifti(release / ZSCORED.format(0), voxels, forms="q")
    rebuilt_kinetics(rebuilt)
    row = row_of(rebuilt, "stv_manual")
    assert (row["n_excluded_nonfinite"], row["n_excluded_low_s0"]) == (2, 1)
    assert row["n_enhancing"] == before["n_enhancing"] - 3
    assert row["zero_level"] == before["zero_level"]
    assert told(rebuilt) == []


def test_washout_below_the_baseline(rebuilt: Path, release: Path) -> None:
    voxels = zscored_image(9001, 2)
    voxels[9, 7, 6:11] = ZERO_LEVEL + np.float32(0.1)
    write_nifti(release / ZSCORED.format(2), voxels, forms="q")
    before = row_of(rebuilt, "stv_manual")
    rebuilt_kinetics(rebuilt)
    row = row_of(rebuilt, "stv_manual")
    assert (row["n_below_baseline"], row["n_enhancing"]) == (5, before["n_enhancing"])
    assert row["washout_fraction"] >= before["washout_fraction"]
    parts = [row[f"{kind}_fraction"] for kind in ("washout", "plateau", "persistent")]
    assert sum(parts) == pytest.approx(1)


def test_header_scaling_counts(rebuilt: Path, release: Path) -> None:
    """Phases stored with a slope of their own: what counts is what people read."""
    before = row_of(rebuilt, "stv_manual", "n3")
    for phase, slope in enumerate((2.0, 0.5, 4.0)):
        stored = n3_image(9001, phase).astype(np.float32) / np.float32(slope)
        write_nifti(release / N3.format(phase), stored, NATIVE_AFFINE, scl_slope=slope)
    rebuilt_kinetics(rebuilt)
    after = row_of(rebuilt, "stv_manual", "n3")
    assert after["pe_median_percent"] == pytest.approx(before["pe_median_percent"], rel=1e-6)
    assert after["ser_p75"] == pytest.approx(before["ser_p75"], rel=1e-6)


# --- nulls and findings --------------------------------------------------------------------


def nulls(row: Row, names: tuple[str, ...] = _MEASURES) -> bool:
    return {row[name] for name in names} == {None}


def test_an_empty_mask(rebuilt: Path, release: Path) -> None:
    write_nifti(release / MANUAL, np.zeros(FINE, np.float32), FINE_AFFINE)
    rebuilt_kinetics(rebuilt)
    for image_set in ("n3", "zscored"):
        row = row_of(rebuilt, "stv_manual", image_set)
        counts = [value for name, value in row.items() if name.startswith("n_")]
        assert set(counts) == {0}
        assert row["mask_volume_cm3"] == row["enhancing_volume_pe70_cm3"] == 0
        assert row["pe_median_percent"] is row["ser_median"] is row["plateau_fraction"] is None
    assert told(rebuilt) == []  # an empty mask is judged in the table masks


def test_stretched_phases_leave_the_n3_rows_without_measures(rebuilt: Path, release: Path) -> None:
    before = row_of(rebuilt, "stv_manual")
    write_nifti(release / N3.format(1), (n3_image(9001, 1) * 0.6).astype(np.int16), NATIVE_AFFINE)
    rebuilt_kinetics(rebuilt)
    for mask in MASKS:
        row = row_of(rebuilt, mask, "n3")
        assert nulls(row)
        assert row["n_voxels"] > 0
        assert row["zero_level"] == 0
    assert {k: v for k, v in row_of(rebuilt, "stv_manual").items() if k != "inputs_md5"} == {
        k: v for k, v in before.items() if k != "inputs_md5"
    }
    assert told(rebuilt) == [("kinetics_n3_stretched", "info", None)]
    assert not nulls(row_of(rebuilt, "ftv", "n3", OTHER))


def test_a_stretched_case_comes_back_when_the_limit_is_raised(rebuilt: Path, release: Path) -> None:
    """What was taken out of the table is not lost, nor is it taken from the table as measured."""
    write_nifti(release / N3.format(1), (n3_image(9001, 1) * 0.6).astype(np.int16), NATIVE_AFFINE)
    rebuilt_kinetics(rebuilt)
    shutil.rmtree(rebuilt / ".dvc/tmp")  # no unit store: the table alone
    set_params(rebuilt / "params.yaml", {"phase_fits.max_slope_difference": 5.0})
    params.cache_clear()
    rebuilt_kinetics(rebuilt)
    row = row_of(rebuilt, "ftv", "n3")
    assert row["pe_median_percent"] == pytest.approx(2.2 * 60 - 100, abs=3)  # PE of 120, times 0.6
    assert told(rebuilt) == []


def test_phases_of_unknown_scale(rebuilt: Path, release: Path) -> None:
    for phase in range(3):
        (release / ZSCORED.format(phase)).unlink()
    found = rebuilt_kinetics(rebuilt)
    assert len(found) == 6
    assert all(nulls(row) for row in found)
    missing = [("kinetics_without_phase", "info", ZSCORED.format(phase)) for phase in range(3)]
    assert told(rebuilt) == [("kinetics_n3_scale_unknown", "info", None), *missing]


@pytest.mark.parametrize("spread", [5e-6, 2e-5])
def test_a_zero_level_that_is_not_shared(rebuilt: Path, release: Path, spread: float) -> None:
    voxels = zscored_image(9001, 1)
    voxels[0, 0, 0] -= np.float32(spread)
    write_nifti(release / ZSCORED.format(1), voxels, forms="q")
    rebuilt_kinetics(rebuilt)
    row = row_of(rebuilt, "stv_manual")
    if spread > 1e-5:
        assert nulls(row)
        assert row["zero_level"] is None
        assert row["n_voxels"] == mask_voxels(9001, "stv_manual").sum()
        assert told(rebuilt) == [("kinetics_zero_level_not_shared", "warning", None)]
    else:
        assert row["zero_level"] == float(voxels[0, 0, 0])
        assert told(rebuilt) == []


def test_a_missing_phase(rebuilt: Path, release: Path) -> None:
    (release / ZSCORED.format(2)).unlink()
    rebuilt_kinetics(rebuilt)
    row = row_of(rebuilt, "stv_manual")
    assert nulls(row, _OF_UNIT)
    assert len(row["image_blob_md5s"]) == 2
    assert told(rebuilt) == [
        ("kinetics_n3_scale_unknown", "info", None),
        ("kinetics_without_phase", "info", ZSCORED.format(2)),
    ]


def test_an_unreadable_phase(rebuilt: Path, release: Path) -> None:
    path = release / N3.format(1)
    path.write_bytes(path.read_bytes()[:-40])
    rebuilt_kinetics(rebuilt)
    assert nulls(row_of(rebuilt, "ftv", "n3"), _OF_UNIT)
    assert not nulls(row_of(rebuilt, "ftv", "zscored"))
    assert told(rebuilt) == [("gzip_truncated", "warning", N3.format(1))]


def test_an_unreadable_mask(rebuilt: Path, release: Path) -> None:
    (release / MANUAL).write_bytes(b"no mask")
    rebuilt_kinetics(rebuilt)
    for image_set in ("n3", "zscored"):
        row = row_of(rebuilt, "stv_manual", image_set)
        assert nulls(row, _OF_UNIT)
        assert row["mask_blob_md5"]
        assert not nulls(row_of(rebuilt, "ftv", image_set))
    assert told(rebuilt) == [("not_nifti", "warning", MANUAL)]


def test_a_phase_on_another_grid(rebuilt: Path, release: Path) -> None:
    moved = FINE_AFFINE.copy()
    moved[0, 3] += 0.5
    write_nifti(release / ZSCORED.format(2), zscored_image(9001, 2), moved, forms="q")
    rebuilt_kinetics(rebuilt)
    assert nulls(row_of(rebuilt, "stv_manual"), _OF_UNIT)
    assert ("kinetics_phase_off_grid", "warning", ZSCORED.format(2)) in told(rebuilt)


def test_a_mask_beside_the_images(rebuilt: Path, release: Path) -> None:
    moved = FINE_AFFINE.copy()
    moved[:3, 3] += 300
    write_nifti(release / MANUAL, mask_voxels(9001, "stv_manual"), moved)
    rebuilt_kinetics(rebuilt)
    row = row_of(rebuilt, "stv_manual")
    assert (row["n_voxels"], row["is_carried"], row["pe_median_percent"]) == (0, True, None)
    assert told(rebuilt) == [("kinetics_mask_outside", "warning", MANUAL)]


def test_a_release_of_one_mask(rebuilt: Path, release: Path) -> None:
    content = (release / MANUAL).read_bytes()
    shutil.rmtree(release)
    (release / MANUAL).parent.mkdir(parents=True)
    (release / MANUAL).write_bytes(content)
    found = rebuilt_kinetics(rebuilt)
    assert [(row["mask"], row["image_set"]) for row in found] == [
        ("stv_manual", "n3"), ("stv_manual", "zscored"),
    ]  # fmt: skip
    assert all(nulls(row, _OF_UNIT) and row["image_blob_md5s"] == [] for row in found)
    assert {check for check, _, _ in told(rebuilt)} == {"kinetics_without_phase"}
    assert rows(rebuilt, "phase_fits") == []


def test_images_without_masks(rebuilt: Path, release: Path) -> None:
    for folder in release.glob("masks_*"):
        shutil.rmtree(folder)
    assert rebuilt_kinetics(rebuilt) == []
    assert told(rebuilt) == []


# --- the trial's threshold -----------------------------------------------------------------


def with_thresholds(root: Path, *named: tuple[int, int | None]) -> Row:
    """Build with series of CASE: (study, threshold)."""
    rows = [f"({n}, {study}, {value or 'null'})" for n, (study, value) in enumerate(named)]
    sql = f"""
        select
            '{CASE}' as case_id, n as series_instance_uid, study as study_instance_uid,
            study as study_index, study = 1 as is_baseline, value as pe_threshold_percent
        from (values {", ".join(rows)}) as series (n, study, value)
    """
    table = fill_table(duckdb.connect(), acquisitions.TABLE, sql if rows else "")
    path = table_path(root / "data/tables", "acquisitions")
    write_table(acquisitions.TABLE, table, path, meta=META)
    rebuilt_kinetics(root)
    return row_of(root, "ftv")


def test_the_share_at_the_trials_threshold(rebuilt: Path) -> None:
    row = with_thresholds(rebuilt, (1, None), (1, 90), (1, 90), (2, 70))
    assert row["pe_threshold_percent"] == 90
    share = row["enhancing_volume_pe90_cm3"] / row["mask_volume_cm3"]
    assert row["share_at_trial_threshold"] == share
    assert 0.5 < share < 1
    n3 = row_of(rebuilt, "ftv", "n3")
    assert n3["share_at_trial_threshold"] == pytest.approx(share, abs=0.1)
    for case, mask in ((CASE, "stv_manual"), (OTHER, "ftv")):
        other = row_of(rebuilt, mask, case=case)
        assert other["pe_threshold_percent"] is other["share_at_trial_threshold"] is None


@pytest.mark.parametrize("named", [((1, 70), (1, 90)), ((2, 70),), ((1, None),), ()])
def test_no_threshold_or_several(rebuilt: Path, named: tuple[tuple[int, int | None], ...]) -> None:
    row = with_thresholds(rebuilt, *named)
    assert row["pe_threshold_percent"] is row["share_at_trial_threshold"] is None
    assert told(rebuilt) == []


def test_a_threshold_at_which_nothing_is_measured(rebuilt: Path) -> None:
    row = with_thresholds(rebuilt, (1, 80))
    assert (row["pe_threshold_percent"], row["share_at_trial_threshold"]) == (80, None)
    assert told(rebuilt) == [("kinetics_odd_threshold", "info", None)]


def test_a_changed_threshold_reads_no_image_again(rebuilt: Path) -> None:
    with_thresholds(rebuilt, (1, 70))
    assert build_table(rebuilt, "kinetics", workers=1).measured == 0


def test_an_edited_mask_is_measured_alone(rebuilt: Path, release: Path) -> None:
    before = row_of(rebuilt, "ftv")
    voxels = mask_voxels(9001, "stv_manual")
    voxels[9, 7, 12:14] = 1
    write_nifti(release / MANUAL, voxels, FINE_AFFINE)
    assert [built.measured for built in rebuild(rebuilt, "phase_fits", "kinetics")] == [0, 1]
    assert row_of(rebuilt, "stv_manual")["n_voxels"] == voxels.sum()
    after = row_of(rebuilt, "ftv")
    assert {name: after[name] for name in _OF_UNIT} == {name: before[name] for name in _OF_UNIT}


# --- against the truth ---------------------------------------------------------------------

Truth = dict[tuple[str, str, str], float]


@pytest.fixture(scope="module")
def against(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Truth]]:
    """Three cases of the phantom, one stretched, with the tables that kinetics needs."""
    root = make_project(tmp_path_factory.mktemp("kinetics") / "project")
    set_params(root / "params.yaml", {"phantom.cases": 3})
    params.cache_clear()
    release = root / "data/release"
    make(release, root / "data/truth.parquet", cases=3, seed=7, workers=1)
    rebuild(root, *add_needs(["kinetics"]))
    found = pq.read_table(root / "data/truth.parquet").to_pylist()
    yield root, {(r["case_id"], r["subject"], r["quantity"]): r["value"] for r in found}
    params.cache_clear()


def test_stretching_is_seen_exactly(against: tuple[Path, Truth]) -> None:
    root, truth = against
    found = rows(root, "phase_fits")
    assert len({row["is_stretched"] for row in found}) == 2
    for row in found:
        subject = f"n3_{row['phase']}"
        assert row["is_stretched"] == bool(truth[row["case_id"], subject, "is_stretched"])
        assert row["slope"] == pytest.approx(truth[row["case_id"], subject, "slope"], rel=0.01)
        assert row["intercept"] == pytest.approx(
            truth[row["case_id"], subject, "intercept"], abs=0.03
        )


EXACT = ("n_voxels", "n_excluded_low_s0", "n_below_baseline")
CLOSE = {  # largest difference; the issue asks for 2 points of PE and 0.02 of SER in the median
    **dict.fromkeys(("pe_median_percent",), 2.0),
    **dict.fromkeys(("pe_p25_percent", "pe_p75_percent"), 4.0),
    **dict.fromkeys(("ser_p25", "ser_median", "ser_p75"), 0.02),
    **{f"{kind}_fraction": 0.08 for kind in ("washout", "plateau", "persistent")},
}


def test_kinetics_agree_with_the_truth(against: tuple[Path, Truth]) -> None:
    root, truth = against
    n_compared = 0
    for row in rows(root, "kinetics"):
        if row["n_enhancing"] is None:
            assert row["image_set"] == "n3"
            assert truth[row["case_id"], "n3_0", "is_stretched"]
            continue
        prefix = "" if row["image_set"] == "zscored" else "native_"
        known = {
            q.removeprefix(prefix): v
            for (case, mask, q), v in truth.items()
            if (case, mask) == (row["case_id"], row["mask"]) and q.startswith(prefix)
        }
        assert {name: row[name] for name in EXACT} == {name: known[name] for name in EXACT}
        for name, most in CLOSE.items():
            assert row[name] == pytest.approx(known[name], abs=most), (row["mask"], name)
        for least in (70, 90, 100, 140):
            name = f"enhancing_volume_pe{least}_cm3"
            most = 0.03 * row["mask_volume_cm3"]
            assert row[name] == pytest.approx(known[name], abs=most), (row["mask"], name)
        n_compared += 1
    n_whole = sum(not truth[case, "n3_0", "is_stretched"] for case in _cases(truth))
    assert n_compared == 3 * 3 + 3 * n_whole


def _cases(truth: Truth) -> set[str]:
    return {case for case, _, _ in truth if case}


def test_the_trials_threshold_of_the_phantom(against: tuple[Path, Truth]) -> None:
    root, _ = against
    found = [r for r in rows(root, "kinetics") if (r["mask"], r["image_set"]) == ("ftv", "zscored")]
    named = {r["case_id"]: r["pe_threshold_percent"] for r in found}
    assert set(named.values()) <= {70, 90, 100, 140, None}
    assert any(named.values())
    for row in found:
        if row["pe_threshold_percent"]:
            assert 0 < row["share_at_trial_threshold"] <= 1
