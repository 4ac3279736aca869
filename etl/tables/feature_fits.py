"""The table `feature_fits`: each published feature against every input that was measured."""

from __future__ import annotations

import polars as pl

from etl.measure.concordance import compute_relative_difference
from etl.model.schema import Table, parse_columns
from etl.tables.unit import Assembled, Context

_INPUT = ("image_set", "phase", "mask")

TABLE = Table(
    name="feature_fits",
    grain="One row per published feature and candidate input: how well they agree. feature_audit "
    "has the input that fits best, this is all of them. The paper says 1 mm z-scored images, the "
    "published volumes say the native grid",
    key=("feature", *_INPUT),
    columns=parse_columns("""
        feature string Name as the publisher spells it
        image_set string Image set of the input: native grid or 1 mm
        phase int64 DCE phase
        mask string Mask that was measured, carried to that grid
        n int64 Cases with a published and a recomputed value
        n_equal int64 Cases whose values are equal within feature_audit.exact_relative
        median_relative_difference double Median of |published - recomputed| / the larger of the
            two
        max_relative_difference double The largest of these
        is_best bool feature_audit takes this input
    """),
    per="tables",
    needs=("captk_features", "feature_audit", "features"),
    references={"feature": "feature_catalog"},
    params=("feature_audit.exact_relative",),
)


def assemble(values: pl.DataFrame, context: Context) -> Assembled:
    """Return how well each input agrees with what was published; only pairs of values count."""
    del values
    published = context.table("features").select("case_id", "feature", published="value")
    recomputed = context.table("captk_features").select("case_id", "feature", *_INPUT, "value")
    best = context.table("feature_audit").select("feature", *_INPUT, is_best=pl.lit(value=True))
    pairs = published.join(recomputed, on=["case_id", "feature"]).drop_nulls()
    relative = compute_relative_difference(pairs["published"].to_numpy(), pairs["value"].to_numpy())
    fits = (
        pairs.with_columns(relative=relative)
        .group_by("feature", *_INPUT)
        .agg(
            n=pl.len().cast(pl.Int64),
            n_equal=(pl.col("relative") <= float(context.param("feature_audit.exact_relative")))
            .sum()
            .cast(pl.Int64),
            median_relative_difference=pl.col("relative").median(),
            max_relative_difference=pl.col("relative").max(),
        )
        .join(best, on=["feature", *_INPUT], how="left")
        .with_columns(pl.col("is_best").fill_null(value=False))
    )
    return Assembled(fits)
