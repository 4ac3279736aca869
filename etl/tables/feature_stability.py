"""The table `feature_stability`."""

from __future__ import annotations

import numpy as np
import polars as pl

from etl.measure.reliability import Icc, compute_icc
from etl.model.schema import Table, parse_columns
from etl.tables.assembly import make_rows
from etl.tables.unit import Assembled, Context, Row

RATERS = ("expert", "network")
FEWEST = 10  # cases: below this an interval says little more than that there are few

TABLE = Table(
    name="feature_stability",
    grain="One row per image set, phase and recomputed feature: how far it is the same inside the "
    "expert's and the ResUNet's mask",
    key=("image_set", "phase", "feature"),
    columns=parse_columns("""
        image_set string Image set: where the intensities are from
        phase int64 DCE phase of the image: 0, 1 or 2
        feature string IBSI name; recomputed_catalog says what it is
        n_cases int64 Cases with a value inside both masks
        icc double? ICC(2,1) of expert and network: two-way random, absolute agreement, one
            rating; null below 10 cases and where all values are equal
        icc_low double? Lower end of its 95 % interval (McGraw and Wong 1996)
        icc_high double? Upper end of its 95 % interval
    """),
    per="tables",
    needs=("recomputed_features",),
    references={"feature": "recomputed_catalog"},
)

_KEY = ("image_set", "phase", "feature")


def assemble(values: pl.DataFrame, context: Context) -> Assembled:
    """Return the reliability of every feature that was recomputed inside both masks."""
    del values
    raters = [context.profile.sets.get(role, "") for role in RATERS]
    rated = context.table("recomputed_features").filter(pl.col("mask").is_in(raters))
    is_asked_of_both = pl.col("mask").n_unique().over(_KEY) == len(RATERS)
    by_case = rated.filter(is_asked_of_both).group_by(*_KEY, "case_id")
    ratings = (
        pl.col("value").filter(pl.col("mask") == mask).first().alias(role)
        for role, mask in zip(RATERS, raters, strict=True)
    )
    pairs = by_case.agg(*ratings).sort("case_id")
    by_feature = pairs.group_by(_KEY, maintain_order=True).agg(*RATERS)
    return make_rows(TABLE, [_make_row(row) for row in by_feature.iter_rows(named=True)])


def _make_row(row: Row) -> Row:
    pairs = zip(*(row[role] for role in RATERS), strict=True)
    measured_pairs = np.array([pair for pair in pairs if None not in pair], np.float64).reshape(
        -1, 2
    )
    reliability = (
        compute_icc(measured_pairs) if len(measured_pairs) >= FEWEST else Icc(None, None, None)
    )
    return {
        **{name: row[name] for name in _KEY},
        "n_cases": len(measured_pairs),
        "icc": reliability.icc,
        "icc_low": reliability.low,
        "icc_high": reliability.high,
    }
