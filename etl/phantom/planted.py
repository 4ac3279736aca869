"""Wrong values in the features workbook, of the kinds that real ones have. Only the truth knows.

They stand in features that no sum or ratio of the workbook gives away.
"""

from __future__ import annotations

from collections.abc import Iterator

from etl.model.feature_names import NAMES
from etl.phantom.cases import Made
from etl.phantom.grids import Draw, make_stream
from etl.phantom.truth import Row

Table = list[list[float]]  # one row per case, in the order of NAMES

_MEAN = "T1_E_Intensity_Mean"
_SKEWNESS = "T1_E_Intensity_Skewness"
_DEVIATION = "T1_E_Intensity_StandardDeviation"
_KURTOSIS = "T1_E_Intensity_Kurtosis"
_DIAMETER = "T1_E_Morphologic_EllipseDiameter_Axis-2"
_ENTROPY = "T1_E_Histogram_Bins-128_Bins-128_Entropy"
_CONTRAST = "T1_E_GLCM_Bins-128_Radius-1_Contrast"
_ENOUGH = 6  # below this many cases, what only the other cases give away is left out


def add_wrong_values(made_cases: list[Made], seed: int) -> tuple[Table, list[Row]]:
    """Return the features of all cases with a few wrong values, and the truth about these.

    A case gets several where there are few cases. The same cases and seed, the same values.
    """
    table = [list(case.features) for case in made_cases]
    rows = []
    order = [int(n) for n in make_stream(seed, 0, Draw.PLANTED).permutation(len(made_cases))]
    for index, feature, value in _choose_wrong(made_cases, order):
        table[index][NAMES.index(feature)] = value
        rows.append((made_cases[index].case_id, f"feature:{feature}", "is_planted", 1.0))
    return table, rows


def _choose_wrong(made_cases: list[Made], order: list[int]) -> Iterator[tuple[int, str, float]]:
    """Yield case, feature and wrong value."""
    ring = [order[n % len(order)] for n in range(9)]

    def find_right(index: int, feature: str) -> float:
        return made_cases[index].features[NAMES.index(feature)]

    yield ring[0], _MEAN, 10 * find_right(ring[0], _MEAN)  # a decimal point that moved
    yield ring[1], _SKEWNESS, -find_right(ring[1], _SKEWNESS)  # a sign that was lost
    yield ring[2], _DEVIATION, made_cases[ring[2]].older[_DEVIATION]  # measured in an older mask
    yield ring[3], _DIAMETER, find_right(ring[3], _DIAMETER) / 10  # cm in place of mm
    if len(made_cases) > 1:
        yield ring[4], _KURTOSIS, find_right(ring[5], _KURTOSIS)  # two cases that were swapped
        yield ring[5], _KURTOSIS, find_right(ring[4], _KURTOSIS)
        yield ring[6], _ENTROPY, find_right(ring[7], _ENTROPY)  # a cell that was copied
    if len(made_cases) >= _ENOUGH:
        yield ring[8], _CONTRAST, 10 * find_right(ring[8], _CONTRAST)
