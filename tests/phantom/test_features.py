from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import openpyxl
import pytest
from numpy.typing import NDArray
from support import by_nibabel

from etl.model.feature_names import NAMES

from .conftest import Phantom

HISTOGRAM = "T1_E_Histogram_Bins-128_Bins-128_"


@pytest.fixture(scope="module")
def table(phantom: Phantom) -> dict[str, dict[str, float]]:
    book = openpyxl.load_workbook(phantom.release / "ISPY_DataPaper_features.xlsx")
    header, *rows = book.worksheets[0].iter_rows(values_only=True)
    assert header[0] == "SubjectID"
    return {f"ISPY1_{row[0]}": dict(zip(header[1:], row[1:], strict=True)) for row in rows}


def test_one_row_a_case_and_370_numbers(
    phantom: Phantom, table: dict[str, dict[str, float]]
) -> None:
    assert list(table) == phantom.case_ids
    for row in table.values():
        assert list(row) == list(NAMES)
        assert all(isinstance(value, int | float) for value in row.values())
        assert np.isfinite(list(row.values())).all()


def test_names_are_370_and_distinct() -> None:
    assert len(NAMES) == len(set(NAMES)) == 370


def test_names_are_the_real_ones(real: Path) -> None:
    assert list(NAMES) == json.loads((real / "feature_columns.json").read_text())


def test_invariants_of_the_real_table_hold(table: dict[str, dict[str, float]]) -> None:
    constants = [f"{HISTOGRAM}{name}" for name in ("Maximum", "Minimum", "Range")]
    boxes = (f"OrientedBoundingBoxSize_Axis-{axis}" for axis in range(3))
    at_border = ("PerimeterOnBorder", "PerimeterOnBorderRatio", "PixelsOnBorder")
    constants += [f"T1_E_Morphologic_{name}" for name in (*boxes, *at_border)]
    for row in table.values():
        pixels = row["T1_E_Volumetric_Pixels"]
        frequency = [row[f"{HISTOGRAM}Bin-{n}_Frequency"] for n in range(128)]
        probability = [row[f"{HISTOGRAM}Bin-{n}_Probability"] for n in range(128)]
        assert sum(frequency) == pixels
        assert sum(probability) == pytest.approx(1, abs=1e-9)
        assert np.allclose(np.array(frequency) / pixels, probability, atol=1e-12)
        assert row["T1_E_Morphologic_LargestComponentSize"] <= pixels
        assert row["T1_E_Morphologic_Elongation"] >= 1
    for name in constants:
        assert len({row[name] for row in table.values()}) == 1


def region(phantom: Phantom, case_id: str) -> tuple[NDArray[np.int16], float]:
    """Stored voxels of phase 1 whose centre lies in a voxel of the expert's mask."""
    image, mask = (
        by_nibabel(phantom.n3(case_id, 1)),
        by_nibabel(phantom.mask(case_id, "stv_manual")),
    )
    bits = np.asarray(mask.dataobj) != 0
    to_mask = np.linalg.inv(mask.affine) @ image.affine
    places = np.argwhere(bits)
    ends = places.min(axis=0), places.max(axis=0)
    corners = nib.affines.apply_affine(np.linalg.inv(to_mask), np.stack(ends))
    box = [np.arange(max(int(low) - 3, 0), int(high) + 4) for low, high in np.sort(corners, 0).T]
    index = np.stack(np.meshgrid(*box, indexing="ij"), -1).reshape(-1, 3)
    index = index[(index < image.shape).all(axis=1)]
    nearest = np.floor(np.round(nib.affines.apply_affine(to_mask, index), 6) + 0.5).astype(int)
    is_inside = ((nearest >= 0) & (nearest < mask.shape)).all(axis=1)
    nearest, index = nearest[is_inside], index[is_inside]
    foreground = bits[tuple(nearest.T)]
    voxels = np.asarray(image.dataobj.get_unscaled())[tuple(index[foreground].T)]
    return voxels, abs(float(np.linalg.det(image.affine[:3, :3])))


def test_values_come_from_the_native_voxels(
    phantom: Phantom, table: dict[str, dict[str, float]]
) -> None:
    for case_id, row in table.items():
        voxels, voxel_volume = region(phantom, case_id)
        ordered = np.sort(voxels).astype(float)
        n = len(ordered)
        expected = {
            "Volumetric_Pixels": n,
            "Volumetric_Volume": n * voxel_volume,
            "Intensity_Mean": ordered.mean(),
            "Intensity_Variance": ordered.var(ddof=1),
            "Intensity_StandardDeviation": ordered.std(ddof=1),
            "Intensity_TenthPercentile": ordered[int(0.1 * n + 1e-9)],
            "Intensity_Minimum": ordered[0],
            "Intensity_Maximum": ordered[-1],
            "Intensity_Sum": ordered.sum(),
            "Intensity_MedianAbsoluteDeviation": ordered.mean() - np.median(ordered),
        }
        for name, value in expected.items():
            is_right = row[f"T1_E_{name}"] == pytest.approx(value, rel=1e-6)
            assert is_right != ((case_id, f"T1_E_{name}") in planted(phantom)), name
        end = ordered[-1] + (ordered[-1] - ordered[0]) / 12800
        counts, _ = np.histogram(ordered, bins=128, range=(ordered[0], end))
        published = [row[f"{HISTOGRAM}Bin-{k}_Frequency"] for k in range(128)]
        assert np.abs(np.cumsum(counts) - np.cumsum(published)).max() <= 1
        truth = phantom.truth
        assert n == truth[case_id, "stv_manual", "native_voxel_count"]
        main = truth[case_id, "stv_manual", "native_largest_component_voxel_count"]
        assert row["T1_E_Morphologic_LargestComponentSize"] == main


def test_published_volume_is_close_to_the_1_mm_mask(
    phantom: Phantom, table: dict[str, dict[str, float]]
) -> None:
    for case_id, row in table.items():
        measured = phantom.truth[case_id, "stv_manual", "voxel_count"]
        published = row["T1_E_Volumetric_Volume"]
        assert abs(published - measured) <= max(0.1 * measured, 100)


def planted(phantom: Phantom) -> set[tuple[str, str]]:
    """The cases and features whose published value is wrong."""
    return {
        (case_id, subject.removeprefix("feature:"))
        for (case_id, subject, quantity), value in phantom.truth.items()
        if quantity == "is_planted" and value == 1
    }


def test_a_handful_of_values_is_wrong(phantom: Phantom, table: dict[str, dict[str, float]]) -> None:
    """Each kind of fault, and nothing that a sum or a ratio of the workbook gives away."""
    wrong = planted(phantom)
    assert {feature for _, feature in wrong} == {
        "T1_E_Intensity_Mean",
        "T1_E_Intensity_Skewness",
        "T1_E_Intensity_StandardDeviation",
        "T1_E_Intensity_Kurtosis",
        "T1_E_Morphologic_EllipseDiameter_Axis-2",
        f"{HISTOGRAM}Entropy",
    }
    assert len(wrong) == 7  # two cases are swapped
    for case_id, feature in wrong:
        value, row = table[case_id][feature], table[case_id]
        if feature.endswith("_Mean"):
            pixels = row["T1_E_Volumetric_Pixels"]
            assert value == pytest.approx(10 * row["T1_E_Intensity_Sum"] / pixels)
        if feature.endswith("_StandardDeviation"):
            assert value != pytest.approx(row["T1_E_Intensity_Variance"] ** 0.5, rel=1e-4)
        if feature.endswith("Axis-2"):
            assert value < row["T1_E_Morphologic_EllipseDiameter_Axis-1"]
    swapped = [case_id for case_id, feature in wrong if feature.endswith("_Kurtosis")]
    voxels, _ = region(phantom, swapped[0])
    score = (voxels - voxels.mean()) / voxels.std(ddof=1)
    kurtosis = table[swapped[1]]["T1_E_Intensity_Kurtosis"]
    assert kurtosis == pytest.approx(float(np.mean(score**4)))


def test_truth_says_which_features_are_drawn(phantom: Phantom) -> None:
    drawn = {name for name in NAMES if phantom.truth["", f"feature:{name}", "is_synthetic"] == 1}
    families = ("_Intensity_", "_Histogram_", "_Volumetric_", "_Morphologic_", "_GLCM_")
    computed = {name for name in NAMES if any(family in name for family in families)}
    noise = {name for name in computed if name.endswith("_MeanAbsoluteDeviation")}
    assert len(noise) == 2
    assert drawn == {*NAMES} - computed | noise
    assert len(drawn) == 38
