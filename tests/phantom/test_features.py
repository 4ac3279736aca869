from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import openpyxl
import pytest
from numpy.typing import NDArray

from etl.phantom import features, grids, lesions, shapes

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
        assert list(row) == list(features.NAMES)
        assert all(isinstance(value, int | float) for value in row.values())
        assert np.isfinite(list(row.values())).all()


def test_names_are_370_and_distinct() -> None:
    assert len(features.NAMES) == len(set(features.NAMES)) == 370


def test_names_are_the_real_ones(real: Path) -> None:
    assert list(features.NAMES) == json.loads((real / "feature_columns.json").read_text())


def test_invariants_of_the_real_table_hold(table: dict[str, dict[str, float]]) -> None:
    constants = [
        *(f"{HISTOGRAM}{name}" for name in ("Maximum", "Minimum", "Range")),
        *(
            f"T1_E_Morphologic_{name}"
            for name in (
                "OrientedBoundingBoxSize_Axis-0",
                "OrientedBoundingBoxSize_Axis-1",
                "OrientedBoundingBoxSize_Axis-2",
                "PerimeterOnBorder",
                "PerimeterOnBorderRatio",
                "PixelsOnBorder",
            )
        ),
    ]
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
    """Stored voxels of phase 1 inside the expert's solid, evaluated at native voxel centres."""
    index = int(case_id[-4:]) - grids.FIRST_NUMBER
    plan = grids.plan(index, 1, "demo")
    solid = lesions.draw(plan).manual
    mask = shapes.paint(shapes.patches(solid, plan.native), plan.native).T != 0
    image: Any = nib.load(phantom.n3(case_id, 1))
    voxels = np.asarray(image.dataobj.get_unscaled())[mask]
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
            assert row[f"T1_E_{name}"] == pytest.approx(value, rel=1e-6), name
        counts, _ = np.histogram(ordered, bins=128)
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


def test_statistics_by_hand() -> None:
    numbers = np.array([1.0, 2.0, 2.0, 7.0])
    found = features.statistics(numbers, np.random.default_rng(0))
    assert found["Mean"] == 3
    assert found["Median"] == 2
    assert found["MedianAbsoluteDeviation"] == 1
    assert found["Variance"] == pytest.approx(22 / 3)
    assert found["Kurtosis"] == pytest.approx((16 + 1 + 1 + 256) / 4 / (22 / 3) ** 2)
    assert found["Mode"] == 2
    assert found["Energy"] == 58
    assert found["NinetiethPercentile"] == 7
    assert found["InterQuartileRange"] == 5


def test_truth_says_which_features_are_drawn(phantom: Phantom) -> None:
    drawn = {
        name for name in features.NAMES if phantom.truth["", f"feature:{name}", "is_synthetic"] == 1
    }
    assert "T1_E_Intensity_Mean" not in drawn
    assert f"{HISTOGRAM}Bin-7_Frequency" not in drawn
    assert "T1_E_Morphologic_LargestComponentSize" not in drawn
    assert {"T1_E_Intensity_MeanAbsoluteDeviation", "T1_E_NGTDM_Busyness"} <= drawn
    assert all(name in drawn for name in features.NAMES if "_GLCM_" in name)
