"""What the cells of a DICOM series say: vendor, age, sex, dates, segmentation thresholds.

Every function takes cells as stored, and gives None for what is blank or says nothing.
"""

from __future__ import annotations

import datetime as dt
import math
import re

# The vendors whose name is spelled in several ways, by the first word in small letters.
VENDORS = {"ge": "GE", "siemens": "Siemens", "philips": "Philips"}
# Programs that write MR images of their own beside the scanner's: a workstation that stands under
# the scanner vendor's name (multi-planar views of Siemens), and one for computer-aided detection.
WORKSTATIONS = ("NUMARIS/4 3D", "CADstream")
SCANNER_IMAGES = ("MR Image Storage", "Enhanced MR Image Storage")
SEXES = ("F", "M", "O")  # DICOM PS3.3 C.7.1.1, Patient's Sex

_AGE = re.compile(r"([0-9]{3})Y")
_THRESHOLD = re.compile(r"\bPE Segmentation thresh=([0-9]{1,4})$")
_SMALL_NUMBER = re.compile(r"[0-9]{1,9}")


def clean_text(cell: str | None) -> str | None:
    """Return the cell without spaces around it."""
    return (cell or "").strip() or None


def parse_vendor(cell: str | None) -> str | None:
    """Return the manufacturer in one spelling: `SIEMENS` and `Siemens` are one vendor."""
    name = clean_text(cell)
    return VENDORS.get(name.split()[0].casefold(), name) if name else None


def has_scanner(modality: str | None, sop_class: str | None, model: str | None) -> bool:
    """Return whether manufacturer and model are the scanner's.

    Structured reports, segmentations, secondary captures and the output of workstations do not
    vote.
    """
    is_image = modality == "MR" and sop_class in SCANNER_IMAGES
    return is_image and not (model or "").startswith(WORKSTATIONS)


def parse_age_years(cell: str | None) -> float | None:
    """Return years in a DICOM age (`039Y`); `000Y` is no age of a trial subject.

    Raises:
        ValueError: the cell holds something else.
    """
    stored = clean_text(cell)
    if stored is None:
        return None
    match = _AGE.fullmatch(stored)
    if match is None or int(match[1]) == 0:
        raise ValueError(stored)
    return float(match[1])


def parse_sex(cell: str | None) -> str | None:
    """Return F, M or O.

    Raises:
        ValueError: the cell holds something else.
    """
    stored = clean_text(cell)
    if stored is not None and stored not in SEXES:
        raise ValueError(stored)
    return stored


def parse_date(cell: str | None) -> dt.date | None:
    """Return the day of a date as IDC writes it, `1985-04-13`.

    Raises:
        ValueError: the cell holds something else.
    """
    stored = clean_text(cell)
    return dt.date.fromisoformat(stored) if stored is not None else None


def number(cell: str | None) -> int | None:
    """Return a series number; None where it is not one."""
    stored = clean_text(cell)
    return int(stored) if stored and _SMALL_NUMBER.fullmatch(stored) else None


def parse_amount(value: float | None) -> float | None:
    """Return a size or a count.

    Raises:
        ValueError: it is negative or not finite.
    """
    if value is not None and not (math.isfinite(value) and value >= 0):
        raise ValueError(value)
    return value


def parse_pe_threshold(modality: str | None, description: str | None) -> int | None:
    """Return the enhancement threshold that the name of a PE segmentation carries.

    The trial's own segmentations are called `PE Segmentation thresh=70` and, inside the volume of
    interest, `VOI PE Segmentation thresh=70`.
    """
    match = _THRESHOLD.search(description or "") if modality == "SEG" else None
    return int(match[1]) if match else None
