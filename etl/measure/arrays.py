"""The arrays that are measured, and the numbers that come of them."""

from __future__ import annotations

import math
from typing import Any

import numpy.typing as npt

Array = npt.NDArray[Any]


def keep_finite(value: float | None) -> float | None:
    """Return a number of any type as Python's, None where it is missing or not finite."""
    return float(value) if value is not None and math.isfinite(value) else None
