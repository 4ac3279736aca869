"""What the cells of a DICOM series say."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.tables import series

CELLS = st.none() | st.text(max_size=20)


@pytest.mark.parametrize(
    ("stored", "vendor"),
    [
        ("SIEMENS", "Siemens"),
        ("Siemens", "Siemens"),
        (" siemens  ", "Siemens"),
        ("SIEMENS Healthineers", "Siemens"),
        ("GE MEDICAL SYSTEMS", "GE"),
        ("Philips Medical Systems", "Philips"),
        ("Confirma Inc.", "Confirma Inc."),
        ("GEneric scanners", "GEneric scanners"),
        ("", None),
        ("  ", None),
        (None, None),
    ],
)
def test_one_spelling_a_vendor(stored: str | None, vendor: str | None) -> None:
    assert series.parse_vendor(stored) == vendor


@pytest.mark.parametrize(
    ("modality", "sop_class", "model", "votes"),
    [
        ("MR", "MR Image Storage", "Sonata", True),
        ("MR", "Enhanced MR Image Storage", None, True),
        ("MR", "MR Image Storage", "NUMARIS/4 3D", False),
        ("MR", "MR Image Storage", "CADstream 4.1.0.204", False),
        ("MR", "Secondary Capture Image Storage", "Sonata", False),
        ("SEG", "Segmentation Storage", "Sonata", False),
        ("SR", "Comprehensive SR Storage", "XSLT from di3data csv extract", False),
        ("OT", "MR Image Storage", "Sonata", False),
        (None, None, None, False),
    ],
)
def test_who_votes(
    modality: str | None, sop_class: str | None, model: str | None, *, votes: bool
) -> None:
    assert series.has_scanner(modality, sop_class, model) == votes


@pytest.mark.parametrize(
    ("stored", "years"), [("039Y", 39.0), ("001Y", 1.0), ("", None), (None, None)]
)
def test_ages(stored: str | None, years: float | None) -> None:
    assert series.parse_age_years(stored) == years


@pytest.mark.parametrize("stored", ["000Y", "039M", "39Y", "0039Y", "039", "-39Y", "039y", "nan"])
def test_no_ages(stored: str) -> None:
    with pytest.raises(ValueError, match=stored):
        series.parse_age_years(stored)


def test_sexes() -> None:
    assert [series.parse_sex(cell) for cell in ("F", " M", "O", "", None)] == [
        "F",
        "M",
        "O",
        None,
        None,
    ]
    with pytest.raises(ValueError, match="6657"):
        series.parse_sex("6657")


def test_dates() -> None:
    assert series.parse_date("1985-04-13") == dt.date(1985, 4, 13)
    assert series.parse_date(None) is series.parse_date("") is None
    for cell in ("1985-13-01", "13.04.1985", "1985-04-13T00:00", "0000-01-01"):
        with pytest.raises(ValueError, match=r".+"):
            series.parse_date(cell)


@pytest.mark.parametrize(
    ("description", "threshold"),
    [
        ("PE Segmentation thresh=70", 70),
        ("VOI PE Segmentation thresh=140", 140),
        ("PE Segmentation thresh=", None),
        ("PE Segmentation thresh=70.5", None),
        ("PE Segmentation thresh=12345", None),
        ("Breast Tissue Segmentation", None),
        ("TYPE Segmentation thresh=70", None),
        ("", None),
        (None, None),
    ],
)
def test_thresholds(description: str | None, threshold: int | None) -> None:
    assert series.parse_pe_threshold("SEG", description) == threshold
    assert series.parse_pe_threshold("MR", description) is None


def test_amounts_and_numbers() -> None:
    assert [series.parse_amount(value) for value in (0, 2.5, None)] == [0, 2.5, None]
    for value in (-1, -0.1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match=r".+"):
            series.parse_amount(value)
    numbers = ("32000", "0", "-1", "1.5", "x", "9" * 30, None)
    assert [series.number(cell) for cell in numbers] == [32000, 0, *[None] * 5]


@given(cell=CELLS)
def test_any_text_is_read_or_refused(cell: str | None) -> None:
    for reader in (series.parse_vendor, series.clean_text, series.number):
        reader(cell)
    for strict in (series.parse_age_years, series.parse_sex, series.parse_date):
        try:
            strict(cell)
        except ValueError:
            assert cell
            assert cell.strip()
