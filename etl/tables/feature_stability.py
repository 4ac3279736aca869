"""The table `feature_stability`."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from etl.measure.reliability import Icc, icc_agreement
from etl.schema import Table, parse_columns
from etl.unit import Blob, Context, Measured, Row

RATERS = ("stv_manual", "stv_resunet")
FEWEST = 10  # cases: below this an interval says little more than that there are few

TABLE = Table(
    name="feature_stability",
    grain="One row an image set, phase and recomputed feature: how far it is the same inside the "
    "expert's and the ResUNet's mask",
    key=("image_set", "phase", "feature"),
    columns=parse_columns("""
        image_set string n3 or zscored: where the intensities are from
        phase int64 DCE phase of the image: 0, 1 or 2
        feature string IBSI name; recomputed_catalog says what it is
        n_cases int64 Cases with a value inside both masks
        icc double? ICC(2,1) of stv_manual and stv_resunet: two-way random, absolute agreement, one
            rating; null below 10 cases and where all values are equal
        icc_low double? Lower end of its 95 % interval (McGraw and Wong 1996)
        icc_high double? Upper end of its 95 % interval
    """),
    per="tables",
    needs=("recomputed_features",),
    references={"feature": "recomputed_catalog"},
)

_Key = tuple[str, int, str]


def _is_rated(by_case: dict[str, dict[str, float | None]]) -> bool:
    """Whether the feature was asked for inside both masks, though perhaps not of one case."""
    return {mask for ratings in by_case.values() for mask in ratings} == set(RATERS)


def _row(key: _Key, by_case: dict[str, dict[str, float | None]]) -> Row:
    pairs = [[ratings.get(mask) for mask in RATERS] for _, ratings in sorted(by_case.items())]
    known = np.array([pair for pair in pairs if None not in pair], np.float64).reshape(-1, 2)
    found = icc_agreement(known) if len(known) >= FEWEST else Icc(None, None, None)
    image_set, phase, feature = key
    return {
        "image_set": image_set,
        "phase": phase,
        "feature": feature,
        "n_cases": len(known),
        "icc": found.icc,
        "icc_low": found.low,
        "icc_high": found.high,
    }


def assemble(measured: list[tuple[tuple[Blob, ...], Measured]], context: Context) -> Measured:
    """The reliability of every feature that was recomputed inside both masks."""
    del measured
    values: dict[_Key, dict[str, dict[str, float | None]]] = defaultdict(lambda: defaultdict(dict))
    for row in context.table("recomputed_features"):
        if row["mask"] in RATERS:
            key = (row["image_set"], row["phase"], row["feature"])
            values[key][row["case_id"]][row["mask"]] = row["value"]
    return Measured([_row(key, found) for key, found in values.items() if _is_rated(found)])
