"""The table `feature_catalog`."""

from __future__ import annotations

import re
from functools import partial

import polars as pl

from etl.model.feature_names import NAMES
from etl.model.findings import Finding
from etl.model.schema import Table, parse_columns
from etl.tables.features import read_feature_sheet
from etl.tables.unit import Assembled, Context, Measured, Row, Unit

TABLE = Table(
    name="feature_catalog",
    grain="One row per published radiomic feature",
    key=("feature",),
    columns=parse_columns("""
        feature string Name as the publisher spells it
        position int64 Position in the workbook, from 1
        modality string First part of the name, such as T1
        roi string Region of interest, such as E
        family string Feature family, such as Intensity or GLCM
        bins int64? Number of grey-level bins
        radius_voxels int64? [voxels] Neighbourhood radius
        bin_index int64? Histogram bin that the feature counts, from 0
        statistic string What is left of the name: the statistic
        is_constant bool? One value in all cases of this release; null below two cases
    """),
    per="release",
    adds=("is_constant",),
    reads=("features",),
    row_in_file="header, column {feature!r}",
    needs=("features",),
)

_SHOWN = 3

# <modality>_<roi>_<family>[_<Bins|Radius>-<n>]*_<feature>, with `Bin-7` part of the feature.
_NAME = re.compile(
    r"(?P<modality>[^_]+)_(?P<roi>[^_]+)_(?P<family>[^_]+)"
    r"(?P<parameters>(?:_(?:Bins|Radius)-\d+)*)"
    r"(?:_Bin-(?P<bin>\d+))?_(?P<statistic>.+)"
)


def parse_name(feature: str) -> Row | None:
    """Return the parts of a published feature's name, None where it does not follow the grammar."""
    match = _NAME.fullmatch(feature)
    if match is None:
        return None
    parameters = dict(re.findall(r"(Bins|Radius)-(\d+)", match["parameters"]))
    return {
        "modality": match["modality"],
        "roi": match["roi"],
        "family": match["family"],
        "bins": _parse_integer(parameters.get("Bins")),
        "radius_voxels": _parse_integer(parameters.get("Radius")),
        "bin_index": _parse_integer(match["bin"]),
        "statistic": match["statistic"],
    }


def _parse_integer(text: str | None) -> int | None:
    return None if text is None else int(text)


def measure(unit: Unit, context: Context) -> Measured:
    """Return name, position and parts of every feature column."""
    del unit
    sheet = read_feature_sheet(context)
    out = Measured()
    for position, name in enumerate(dict.fromkeys(sheet.names if sheet else ()), 1):
        parts = parse_name(name)
        if parts is None:
            out.findings.append(_report_unknown(f"unknown_column:{name}", name))
            continue
        out.rows.append({"feature": name, "position": position, **parts})
    strangers = [row["feature"] for row in out.rows if row["feature"] not in NAMES]
    if strangers:  # names of the right form that the publisher does not have
        n_more = len(strangers) - _SHOWN
        listed = ", ".join(strangers[:_SHOWN]) + (f" and {n_more} more" if n_more > 0 else "")
        out.findings.append(_report_strangers(observed=f"{len(strangers)} names: {listed}"))
    return out


_report_strangers = partial(
    Finding, TABLE.name, "warning", "unknown_features",
    expected=f"the {len(NAMES)} names of the publisher",
    likely_cause="columns were renamed by hand or by a program, or are your own",
    fix="Give them the publisher's names, or download the features workbook again.",
)  # fmt: skip
_report_unknown = partial(
    Finding, TABLE.name, "critical",
    expected="<modality>_<roi>_<family>[_<Bins|Radius>-<n>]*_<feature>",
    likely_cause="a column was added or renamed by hand",
    fix="Download the features workbook again and adopt it.",
)  # fmt: skip


def assemble(values: pl.DataFrame, context: Context) -> Assembled:
    """Return the catalog, and which features are constant over this release."""
    features = context.table("features")
    is_constant = pl.col("value").n_unique() == 1
    if features["case_id"].n_unique() < 2:  # noqa: PLR2004  one case cannot vary
        is_constant = pl.lit(None, pl.Boolean)
    constant = features.group_by("feature").agg(is_constant.alias("is_constant"))
    return Assembled(values.join(constant, on="feature", how="left"))
