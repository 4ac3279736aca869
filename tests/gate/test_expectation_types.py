"""Every type of expectation of Great Expectations is judged for what it is, or is red by name."""

# ruff: noqa: E501  a type is a row of a table

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from support import ROOT

from etl.gate import engine, judge
from etl.gate.report import NOTHING, Contract
from etl.gate.suites import Expectation, make_id

FRAME = pd.DataFrame(
    {
        "item": pd.Series(["a", "b", "c"], dtype="str"),
        "n": [1.0, 2.0, 30.0],
        "m": [1.0, 2.0, 3.0],
        "word": pd.Series(["x1", "y2", None], dtype="str"),
        "flag": [True, False, True],
        "void": [float("nan")] * 3,
        "down": [3.0, 3.0, 1.0],
    }
)
N, M, WORD, FLAG, VOID = ({"column": c} for c in ("n", "m", "word", "flag", "void"))
PAIR = {"column_A": "n", "column_B": "m"}
BOTH = {"column_list": ["n", "m"]}
SHARES = {"values": ["x1", "y2"], "weights": [0.9, 0.1]}
RANGES = {"quantiles": [0.5], "value_ranges": [[100, 200]]}

# Type, arguments, failing items, what is seen.
BY_ROW: list[tuple[str, dict[str, Any], str, str]] = [
    ("column_pair_values_a_to_be_greater_than_b", PAIR, "ab", "2 of 3: 1, 1; 2, 2"),
    ("column_pair_values_to_be_equal", PAIR, "c", "1 of 3: 30, 3"),
    ("column_pair_values_to_be_in_set", {**PAIR, "value_pairs_set": [[1, 1]]}, "bc", "2 of 3: 2, 2; 30, 3"),
    ("column_value_lengths_to_be_between", {**WORD, "max_value": 1}, "ab", "2 of 2: x1; y2"),
    ("column_value_lengths_to_equal", {**WORD, "value": 1}, "ab", "2 of 2: x1; y2"),
    ("column_value_z_scores_to_be_less_than", {**N, "threshold": 1, "double_sided": True}, "c", "1 of 3: 30"),
    ("column_values_to_be_between", {**N, "max_value": 3}, "c", "1 of 3: 30"),
    ("column_values_to_be_dateutil_parseable", WORD, "ab", "2 of 2: x1; y2"),
    ("column_values_to_be_decreasing", N, "bc", "2 of 3: 2; 30"),
    ("column_values_to_be_in_set", {**WORD, "value_set": ["x1"]}, "b", "1 of 2: y2"),
    ("column_values_to_be_increasing", {"column": "down"}, "c", "1 of 3: 1"),
    ("column_values_to_be_json_parseable", WORD, "ab", "2 of 2: x1; y2"),
    ("column_values_to_be_null", WORD, "ab", "2 of 3: x1; y2"),
    ("column_values_to_be_unique", FLAG, "ac", "2 of 3: True"),
    ("column_values_to_match_regex", {**WORD, "regex": "^x"}, "b", "1 of 2: y2"),
    ("column_values_to_match_regex_list", {**WORD, "regex_list": ["^x"]}, "b", "1 of 2: y2"),
    ("column_values_to_match_strftime_format", {**WORD, "strftime_format": "%Y"}, "ab", "2 of 2: x1; y2"),
    ("column_values_to_not_be_in_set", {**WORD, "value_set": ["x1"]}, "a", "1 of 2: x1"),
    ("column_values_to_not_be_null", WORD, "c", "1 of 3: nan"),
    ("column_values_to_not_be_outliers", {**N, "method": "std", "multiplier": 1}, "c", "1 of 3: 30"),
    ("column_values_to_not_match_regex", {**WORD, "regex": "^x"}, "a", "1 of 2: x1"),
    ("column_values_to_not_match_regex_list", {**WORD, "regex_list": ["^x"]}, "a", "1 of 2: x1"),
    ("compound_columns_to_be_unique", {"column_list": ["flag", "void"]}, "ac", "2 of 3: True, nan"),
    ("multicolumn_sum_to_equal", {**BOTH, "sum_total": 2}, "bc", "2 of 3: 2, 2; 30, 3"),
    ("multicolumn_values_to_be_equal", BOTH, "c", "1 of 3: 30, 3"),
    ("select_column_values_to_be_unique_within_record", BOTH, "ab", "2 of 3: 1, 1; 2, 2"),
]  # fmt: skip
# Type, arguments, rows with a value, what is seen.
TOGETHER: list[tuple[str, dict[str, Any], int, str]] = [
    ("column_distinct_values_to_be_in_set", {**WORD, "value_set": ["x1"]}, 2, "y2, of 2 rows"),
    ("column_distinct_values_to_contain_set", {**WORD, "value_set": ["x1", "q"]}, 2, "without q, of 2 rows"),
    ("column_distinct_values_to_equal_set", {**WORD, "value_set": ["x1", "q"]}, 2, "y2, without q, of 2 rows"),
    ("column_kl_divergence_to_be_less_than", {**WORD, "partition_object": SHARES, "threshold": 0.1}, 2, "0.5108256238, of 2 rows"),
    ("column_max_to_be_between", {**M, "max_value": 2}, 3, "3, of 3 rows"),
    ("column_mean_to_be_between", {**N, "max_value": 3}, 3, "11, of 3 rows"),
    ("column_median_to_be_between", {**N, "max_value": 1}, 3, "2, of 3 rows"),
    ("column_min_to_be_between", {**N, "min_value": 3}, 3, "1, of 3 rows"),
    ("column_most_common_value_to_be_in_set", {**WORD, "value_set": ["q"]}, 2, "x1, y2, of 2 rows"),
    ("column_proportion_of_non_null_values_to_be_between", {**WORD, "min_value": 0.9}, 3, "0.6666666667, of 3 rows"),
    ("column_proportion_of_unique_values_to_be_between", {**N, "max_value": 0.5}, 3, "1, of 3 rows"),
    ("column_quantile_values_to_be_between", {**N, "quantile_ranges": RANGES}, 3, "quantiles: 0.5, values: 2, of 3 rows"),
    ("column_stdev_to_be_between", {**M, "max_value": 0.5}, 3, "1, of 3 rows"),
    ("column_sum_to_be_between", {**N, "max_value": 1}, 3, "33, of 3 rows"),
    ("column_to_exist", {"column": "gone"}, 3, "no such column"),
    ("column_type_to_be", {**N, "type_": "str"}, 3, "float64, of 3 rows"),
    ("column_unique_value_count_to_be_between", {**N, "max_value": 1}, 3, "3, of 3 rows"),
    ("column_values_to_be_in_type_list", {**N, "type_list": ["str"]}, 3, "float64, of 3 rows"),
    ("column_values_to_be_of_type", {**N, "type_": "str"}, 3, "float64, of 3 rows"),
    ("table_column_count_to_be_between", {"max_value": 1}, 3, "7, of 3 rows"),
    ("table_column_count_to_equal", {"value": 1}, 3, "7, of 3 rows"),
    ("table_columns_to_match_ordered_list", {"column_list": ["n"]}, 3, "item, n, m, word, flag, void, down, of 3 rows"),
    ("table_columns_to_match_set", {"column_set": ["n"]}, 3, "down, flag, item, m, n, void, word, of 3 rows"),
    ("table_row_count_to_be_between", {"max_value": 1}, 3, "3 rows"),
    ("table_row_count_to_equal", {"value": 1}, 3, "3 rows"),
]  # fmt: skip
# What asks a database, or another table: red, and it says so.
NOT_OF_A_FRAME: list[tuple[str, dict[str, Any]]] = [
    ("column_values_to_match_json_schema", {**WORD, "json_schema": {}}),
    ("column_values_to_match_like_pattern", {**WORD, "like_pattern": "x%"}),
    ("column_values_to_match_like_pattern_list", {**WORD, "like_pattern_list": ["x%"]}),
    ("column_values_to_not_match_like_pattern", {**WORD, "like_pattern": "x%"}),
    ("column_values_to_not_match_like_pattern_list", {**WORD, "like_pattern_list": ["x%"]}),
    ("query_results_to_match_comparison", {"base_query": "select 1", "comparison_query": "select 1",
                                           "comparison_data_source_name": "frames"}),
    ("table_row_count_to_equal_other_table", {"other_table_name": "x"}),
    ("unexpected_rows_expectation", {"unexpected_rows_query": "select * from {batch}"}),
]  # fmt: skip


def name_of(kind: str) -> str:
    return kind if kind.endswith("_expectation") else f"expect_{kind}"


def judge_one(kind: str, kwargs: dict[str, Any]) -> Contract:
    """Judge one expectation on FRAME."""
    expectation: Expectation = {
        "id": make_id("types", kind),
        "type": name_of(kind),
        "kwargs": kwargs,
        "severity": "warning",
        "notes": kind,
        "meta": {"fix": "none"},
    }
    results = engine.validate(ROOT, "types", [expectation], FRAME, {})
    rules = judge.Rules({}, {}, {}, {})
    (contract,) = judge.judge_suite("types", [expectation], results, FRAME, rules)
    return contract


@pytest.mark.parametrize(("kind", "kwargs", "items", "seen"), BY_ROW, ids=lambda x: str(x)[:40])
def test_what_is_judged_row_by_row_names_its_rows(
    kind: str, kwargs: dict[str, Any], items: str, seen: str
) -> None:
    contract = judge_one(kind, kwargs)
    assert (contract.success, contract.severity) == (False, "warning")
    assert (contract.failing_cases, contract.n_failed) == (tuple(items), len(items))
    assert contract.observed == seen


@pytest.mark.parametrize(("kind", "kwargs", "n_rows", "seen"), TOGETHER, ids=lambda x: str(x)[:40])
def test_what_is_judged_together_says_what_was_seen(
    kind: str, kwargs: dict[str, Any], n_rows: int, seen: str
) -> None:
    contract = judge_one(kind, kwargs)
    assert (contract.success, contract.severity) == (False, "warning")
    assert (contract.n_checked, contract.observed, contract.failing_cases) == (n_rows, seen, ())


@pytest.mark.parametrize(("kind", "kwargs"), NOT_OF_A_FRAME, ids=lambda x: str(x)[:40])
def test_what_no_frame_can_answer_is_red(kind: str, kwargs: dict[str, Any]) -> None:
    contract = judge_one(kind, kwargs)
    assert (contract.success, contract.severity, contract.n_checked) == (False, "critical", 0)
    assert (contract.observed or "").startswith("raised ")


def test_no_type_is_forgotten() -> None:
    engine.import_library()
    from great_expectations.expectations.registry import list_registered_expectation_implementations

    by_row, together = [row[0] for row in BY_ROW], [row[0] for row in TOGETHER]
    listed = [*by_row, *together, *(kind for kind, _ in NOT_OF_A_FRAME)]
    assert set(list_registered_expectation_implementations()) == {name_of(k) for k in listed}


@pytest.mark.parametrize(
    ("kind", "kwargs", "seen"),
    [
        ("column_to_exist", VOID, "the column is there"),
        ("column_mean_to_be_between", {**N, "max_value": 11}, "11, of 3 rows"),
        ("column_distinct_values_to_be_in_set", {**WORD, "value_set": ["x1", "y2"]}, "2 rows hold it"),
        ("column_distinct_values_to_contain_set", {**WORD, "value_set": ["x1"]}, "2 rows hold it"),
        ("column_values_to_be_between", {**N, "max_value": 3, "mostly": 0.5}, "1 of 3: 30"),
    ],
)  # fmt: skip
def test_what_holds_says_so(kind: str, kwargs: dict[str, Any], seen: str) -> None:
    contract = judge_one(kind, kwargs)
    assert (contract.success, contract.observed) == (True, seen)


@pytest.mark.parametrize(
    ("kind", "kwargs"),
    [
        ("column_mean_to_be_between", {"max_value": 3}),
        ("column_sum_to_be_between", {"max_value": 3}),
        ("column_distinct_values_to_be_in_set", {"value_set": [1]}),
        ("column_distinct_values_to_contain_set", {"value_set": [1]}),
        ("column_values_to_be_between", {"max_value": 3}),
    ],
)
def test_a_column_without_a_value_is_nothing_to_judge(kind: str, kwargs: dict[str, Any]) -> None:
    contract = judge_one(kind, {**VOID, **kwargs})
    assert (contract.success, contract.severity, contract.observed) == (False, "critical", NOTHING)
