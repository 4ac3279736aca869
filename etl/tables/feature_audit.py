"""The table `feature_audit`: what the published features are worth."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from etl.measure.arrays import Array
from etl.measure.audit import (
    NOT_COMPARABLE,
    NOT_COMPUTED,
    Audit,
    Feature,
    Limits,
    audit,
)
from etl.measure.concordance import compute_relative_difference
from etl.model.findings import Finding
from etl.model.git_tables import CSV_FILES, PUBLISHED_CATALOG, Value, read_csv_input
from etl.model.schema import Table, parse_columns
from etl.tables.assembly import make_rows
from etl.tables.feature_catalog import parse_name
from etl.tables.unit import Assembled, Context, Row, find_artefact

LIMITS = ("exact_relative", "min_cases", "agrees_share", "outlier_z", "outlier_relative")

TABLE = Table(
    name="feature_audit",
    grain="One row per published feature",
    key=("feature",),
    columns=parse_columns("""
        feature string Name as the publisher spells it
        tier string exact (its definition is known), concordance (but for a detail), not_comparable
        n int64 Cases with a published and a recomputed value
        image_set string? Image set of the input that fits best; null without one
        phase int64? DCE phase of that input
        mask string? Mask of that input
        spearman double? Rank correlation, published with recomputed, from 3 cases
        lin_concordance double? Lin's concordance (1989), from 3 cases
        median_relative_difference double? Median of |published - recomputed| / the larger of the
            two
        max_relative_difference double? The largest of these; 2 for a sign
        bland_altman_bias double? Mean of published - recomputed
        bland_altman_lower double? Bias - 1.96 sd of the differences (ddof 1)
        bland_altman_upper double? Bias + 1.96 sd of the differences (ddof 1)
        verdict string agrees exactly [but for outliers], agrees within x (90 % of the cases),
            differs, not comparable, not computed
        reason string? Why the tier is not exact, or why nothing was compared
        n_wrong_values int64 Published values that are wrong; each is a finding. Those of a case
            that was measured on another mask or image as a whole (finding other_input) do not count
        worst_cases list<string> Up to five cases that are off by more than rounding, the worst
            first
    """),
    per="tables",
    reads=("features",),
    row_in_file="header, column {feature!r}",
    needs=("captk_features", "features"),
    references={"feature": "feature_catalog"},
    params=tuple(f"feature_audit.{name}" for name in (*LIMITS, "case_outliers")),
    files=(CSV_FILES[PUBLISHED_CATALOG.name],),
)


N_WORST = 5
N_SHOWN = 5  # features that the finding on a whole case names
# Inputs in the order of trust: the published volumes are those of the native grid.
_ORDER = ("native", "normalized")
_LIKE = 0.2  # so close to what an error would give is taken for that error
_MOVED = tuple(10.0**n for n in (-3, -2, -1, 1, 2, 3))
Definition = Mapping[str, Value]
_UNKNOWN: Definition = {
    "tier": NOT_COMPARABLE,
    "is_fragile": False,
    "reason": "not in sql/published_catalog.csv",
}
Computed = Mapping[str, Mapping[str, Array]]  # input -> feature -> a value per case


@dataclass(frozen=True, slots=True)
class _Study:
    """What is judged: a value per case (in the order of `cases`), NaN where there is none."""

    cases: tuple[str, ...]
    features: Mapping[str, Feature]
    computed: Computed
    inputs: Mapping[str, Row]  # image_set, phase and mask of each input
    definitions: Mapping[str, Definition]
    limits: Limits


def assemble(values: pl.DataFrame, context: Context) -> Assembled:
    """Return every published feature against its recomputed values, and what is wrong."""
    del values
    study = _make_study(context)
    audits = audit(study.features, study.computed, study.limits)
    moved = _find_moved_cases(study, audits, int(context.param("feature_audit.case_outliers")))
    rows = [_make_row(name, audited, study, moved) for name, audited in audits.items()]
    blob = find_artefact(context, "features")
    path = blob.path if blob else None
    return make_rows(
        TABLE, rows, [replace(f, path=path) for f in _report_wrong_values(study, audits, moved)]
    )


# --- what is judged -------------------------------------------------------------------------


def _make_study(context: Context) -> _Study:
    published = context.table("features")
    cases = tuple(published["case_id"].unique().sort())
    values = _spread(published, cases)
    definitions = _find_definitions(context, published["feature"].unique())
    inputs, computed = _list_inputs(context, cases)
    blank = np.full(len(cases), np.nan)
    return _Study(
        cases,
        {
            name: Feature(
                values.get(name, blank), str(definition["tier"]), bool(definition["is_fragile"])
            )
            for name, definition in definitions.items()
        },
        computed,
        inputs,
        definitions,
        Limits(**{name: context.param(f"feature_audit.{name}") for name in LIMITS}),
    )


def _list_inputs(context: Context, cases: Sequence[str]) -> tuple[dict[str, Row], Computed]:
    """Return the candidate inputs, most trusted first, and what was computed on each."""
    key = ("image_set", "phase", "mask")
    by_input = context.table("captk_features").partition_by(key, as_dict=True)
    trust = [context.profile.sets.get(role) for role in _ORDER]
    order = sorted(by_input, key=lambda input_key: (trust.index(str(input_key[0])), input_key))
    names = {
        input_key: f"{input_key[0]} phase {input_key[1]}, {input_key[2]}" for input_key in order
    }
    inputs = {names[input_key]: dict(zip(key, input_key, strict=True)) for input_key in order}
    return inputs, {names[input_key]: _spread(by_input[input_key], cases) for input_key in order}


def _spread(rows: pl.DataFrame, cases: Sequence[str]) -> dict[str, Array]:
    """Return feature -> a value per case of `cases`, NaN where there is none."""
    values = rows.filter(pl.col("case_id").is_in(cases), pl.col("value").is_not_null())
    features = values["feature"].unique().sort()
    spread = np.full((len(features), len(cases)), np.nan)
    row, column = (
        values[name].cast(pl.Enum(order)).to_physical().to_numpy()
        for name, order in (("feature", features), ("case_id", cases))
    )
    spread[row, column] = values["value"].to_numpy()
    return dict(zip(features, spread, strict=True))


def _find_definitions(context: Context, features: Iterable[str]) -> dict[str, Definition]:
    """Return published feature -> its line of the catalog, else that of its family."""
    path = context.root / TABLE.files[0]
    lines = read_csv_input(PUBLISHED_CATALOG, path)
    catalog = {(str(line[0]), str(line[1])): dict(zip(PUBLISHED_CATALOG.names, line, strict=True))
             for line in lines}  # fmt: skip
    parts = {feature: parse_name(feature) for feature in sorted(features)}
    return {
        feature: catalog.get(
            (parsed["family"], parsed["statistic"]), catalog.get((parsed["family"], "*"), _UNKNOWN)
        )
        for feature, parsed in parts.items()
        if parsed is not None  # feature_catalog reports a name outside the grammar
    }


# --- what is said ---------------------------------------------------------------------------


def _find_moved_cases(study: _Study, audits: Mapping[str, Audit], most: int) -> Array:
    """Return whether each case has over `most` odd values: its mask or image is another."""
    odd = [audited.is_outlier for audited in audits.values()]
    moved: Array = np.sum(odd, axis=0) > most if odd else np.zeros(len(study.cases), bool)
    return moved


def _make_row(name: str, audited: Audit, study: _Study, moved: Array) -> Row:
    definition = study.definitions[name]
    relative = audited.relative[audited.is_compared]
    reason = "no case with a published and a recomputed value"
    return {
        "feature": name,
        "tier": definition["tier"],
        "n": int(audited.is_compared.sum()),
        **study.inputs.get(audited.candidate or "", dict.fromkeys(("image_set", "phase", "mask"))),
        "spearman": audited.spearman,
        "lin_concordance": audited.lin_concordance,
        "median_relative_difference": float(np.median(relative)) if relative.size else None,
        "max_relative_difference": float(relative.max()) if relative.size else None,
        "bland_altman_bias": audited.bias,
        "bland_altman_lower": audited.lower,
        "bland_altman_upper": audited.upper,
        "verdict": audited.verdict,
        "reason": definition["reason"] or (reason if audited.verdict == NOT_COMPUTED else None),
        "n_wrong_values": int((audited.is_outlier & ~moved).sum()),
        "worst_cases": _list_worst(audited, study),
    }


def _list_worst(audited: Audit, study: _Study) -> list[str]:
    order = np.argsort(-audited.relative, kind="stable")[:N_WORST]
    return [study.cases[n] for n in order if audited.relative[n] > study.limits.exact_relative]


def _report_wrong_values(
    study: _Study, audits: Mapping[str, Audit], moved: Array
) -> Iterator[Finding]:
    """Yield a finding per wrong value, and per case that was measured on another mask or image."""
    for case_index, case_id in enumerate(study.cases):
        wrong = [name for name, audited in audits.items() if audited.is_outlier[case_index]]
        if moved[case_index]:
            yield _report_other_input(
                case_id, wrong, sum(1 for f in audits.values() if f.is_compared[case_index])
            )
        else:
            yield from (
                _report_wrong_value(study, audits[name], name, case_index) for name in wrong
            )


def _report_wrong_value(study: _Study, audited: Audit, name: str, case_index: int) -> Finding:
    values = study.computed[audited.candidate or ""][name]
    published, recomputed = (
        float(study.features[name].published[case_index]),
        float(values[case_index]),
    )
    return Finding(
        table=TABLE.name,
        severity="warning",
        check=f"wrong_value:{name}",
        observed=f"{published:.10g}",
        expected=f"{recomputed:.10g} ({audited.candidate})",
        likely_cause=_describe_cause(published, recomputed, values, study),
        fix="Take the recomputed value (captk_features), and tell the publisher.",
        case_id=study.cases[case_index],
    )


def _describe_cause(published: float, recomputed: float, values: Array, study: _Study) -> str:
    """Return what the wrong value looks like."""

    def is_like(others: Array, limit: float = _LIKE) -> Array:
        is_close: Array = (
            compute_relative_difference(np.full(others.shape, published), others) <= limit
        )
        return is_close

    alike = np.flatnonzero(is_like(values, study.limits.exact_relative))
    if is_like(np.array([-recomputed])).any():
        return "a sign that was lost"
    if is_like(recomputed * np.array(_MOVED)).any():
        return "a decimal point that moved, or another unit"
    if alike.size:
        return f"the value of {study.cases[alike[0]]}: a cell was copied, or two were swapped"
    return "measured in another version of the mask or the image"


def _report_other_input(case_id: str, wrong: list[str], n_compared: int) -> Finding:
    more = f" and {len(wrong) - N_SHOWN} more"
    return Finding(
        table=TABLE.name,
        severity="warning",
        check="other_input",
        observed=f"{len(wrong)} of {n_compared} published values differ: "
        f"{', '.join(wrong[:N_SHOWN])}{more}",
        expected="the values of the mask and the image that are here",
        likely_cause="published from another version of the mask or the image",
        fix="Look at stale_features; recomputed values are in captk_features.",
        case_id=case_id,
    )
