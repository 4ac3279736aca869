"""Great Expectations, asked in memory: a frame and its expectations in, what it said out."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from threading import Lock, Thread
from types import ModuleType
from typing import TYPE_CHECKING, Any

from etl.gate.report import NOTHING
from etl.gate.suites import Expectation, make_suite_id, read_notes
from etl.gate.text import describe_together
from etl.model import project

if TYPE_CHECKING:
    import pandas as pd

CONFIG = "expectations/great_expectations.yml"
# What judges a column as it is, with its nulls.
_OF_NULLS_TOO = frozenset(
    {"expect_column_to_exist", "expect_column_proportion_of_non_null_values_to_be_between"}
)
_IMPORTING = Lock()
_SPARK = "pyspark"
_NOT_THERE: Any = None  # Python's own mark of a module that cannot be imported
SAW_NOTHING = "does not state what it saw"  # `observed` where a result holds neither rows nor value

Value = float | str | list[float] | list[str]
Result = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What Great Expectations said about one expectation, in our words."""

    success: bool
    n_checked: int
    rows: tuple[int, ...]  # positions of the failing rows in the frame
    problem: str | None = None
    observed: str | None = None  # where all rows together have one value: a mean, quantiles


def begin_import() -> None:
    """Import Great Expectations beside what is done next: two seconds, while DuckDB counts."""
    Thread(target=import_library, daemon=True).start()


def import_library() -> ModuleType:
    """Import Great Expectations without Spark, which it takes where it is installed.

    Spark then warns of pandas 3, and ends a process whose main module is no file.
    """
    with _IMPORTING:
        is_hidden = sys.modules.setdefault(_SPARK, _NOT_THERE) is _NOT_THERE
        try:
            return import_module("great_expectations")
        finally:
            if is_hidden:
                del sys.modules[_SPARK]


@cache
def context(root: Path) -> Any:  # noqa: ANN401  Great Expectations is untyped here
    """Return the ephemeral context of great_expectations.yml (one a process and project).

    A file context would rewrite its own configuration at each run.
    """
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    gx = import_library()
    from great_expectations.data_context.types.base import DataContextConfig

    config = project.read_yaml(root / CONFIG)
    stores = (*config["stores"].values(), *config["data_docs_sites"].values())
    for backend in (store["store_backend"] for store in stores):
        if "base_directory" in backend:
            backend["base_directory"] = str(root / backend["base_directory"])
    gx_context = gx.get_context(mode="ephemeral", project_config=DataContextConfig(**config))
    gx_context.data_sources.add_pandas("frames")
    return gx_context


@cache
def answers(root: Path) -> dict[str, Any]:  # noqa: ARG001  one a process and project
    """Return what was said about the frame of each suite, kept for Data Docs."""
    return {}


def validate(
    root: Path,
    name: str,
    expectations: Sequence[Expectation],
    frame: pd.DataFrame,
    parameters: Mapping[str, Value],
) -> dict[str, Result]:
    """Return what Great Expectations says about a frame: expectation id -> result as JSON.

    An expectation that it could not run is not among the results: judge_suite() sees that.
    """
    gx_context = context(root)
    from great_expectations.exceptions.exceptions import GreatExpectationsError

    suite, problems = _make_suite(name, expectations)
    try:
        batch = _define_batch(gx_context, name).get_batch({"dataframe": frame})
        answer = batch.validate(
            suite, expectation_parameters=dict(parameters), result_format="COMPLETE"
        )
    except (GreatExpectationsError, ValueError, TypeError) as error:
        return {e["id"]: {"problem": _join_sentence(error)} for e in expectations}
    for result in answer.results:  # of quantiles NumPy's, which the store of results cannot write
        result.success = bool(result.success)
    answers(root)[name] = answer
    results = answer.to_json_dict()["results"]
    return problems | {result["expectation_config"]["id"]: result for result in results}


def _make_suite(
    name: str, expectations: Sequence[Expectation], notes: str | None = None
) -> tuple[Any, dict[str, Result]]:
    """Return Great Expectations' own suite, and why some expectations are not in it."""
    from great_expectations import ExpectationSuite
    from great_expectations.exceptions.exceptions import GreatExpectationsError
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    suite = ExpectationSuite(name, notes=notes, id=str(make_suite_id(name)))
    problems: dict[str, Result] = {}
    for expectation in expectations:
        try:
            suite.expectations.append(ExpectationConfiguration(**expectation).to_domain_obj())
        except (GreatExpectationsError, ValueError, TypeError) as error:
            problems[expectation["id"]] = {"problem": _join_sentence(error)}
    return suite, problems


def _join_sentence(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def _define_batch(gx_context: Any, name: str) -> Any:  # noqa: ANN401  untyped library
    """Return the batch definition of a suite's frame; an asset may be added only once."""
    source = gx_context.data_sources.get("frames")
    if name in {asset.name for asset in source.assets}:
        return source.get_asset(name).get_batch_definition("all")
    return source.add_dataframe_asset(name).add_batch_definition_whole_dataframe("all")


def _show_in_docs(gx_context: Any, name: str, answer: Any) -> None:  # noqa: ANN401  untyped library
    from great_expectations.core.run_identifier import RunIdentifier
    from great_expectations.data_context.types.resource_identifiers import (
        ExpectationSuiteIdentifier,
        ValidationResultIdentifier,
    )

    run = RunIdentifier(run_name="gate")
    key = ValidationResultIdentifier(ExpectationSuiteIdentifier(name), run, name)
    gx_context.validation_results_store.set(key, answer)


def build_docs(root: Path, suites: Mapping[str, Sequence[Expectation]]) -> None:
    """Build Data Docs of the suites, and of what was said about their frames."""
    gx_context = context(root)
    for name, expectations in suites.items():
        suite, _ = _make_suite(name, expectations, read_notes(root, name))
        gx_context.suites.add_or_update(suite)
    for name, answer in answers(root).items():
        _show_in_docs(gx_context, name, answer)
    gx_context.build_data_docs()


def read_result(result: Result | None, n_rows: int) -> Outcome:
    """Read an expectation's result; whatever is not a clear answer is a failure with a problem.

    Args:
        result: as JSON, None where there is none.
        n_rows: rows with a value, which a result about all rows together does not state.
    """
    if result is None or "problem" in result:
        problem = (result or {}).get("problem", "did not run")
        return Outcome(success=False, n_checked=0, rows=(), problem=problem)
    raised = next(_list_exceptions(result.get("exception_info")), None)
    if raised is not None:
        return Outcome(success=False, n_checked=0, rows=(), problem=f"raised {raised}")
    success, stated = result["success"] is True, result["result"]
    if "element_count" in stated:  # row by row; in a result about a set, values can be missing
        n_rows = int(stated["element_count"]) - int(stated.get("missing_count") or 0)
    if n_rows == 0:
        return Outcome(success=False, n_checked=0, rows=(), problem=NOTHING)
    if "element_count" in stated:
        return Outcome(success, n_rows, tuple(sorted(stated.get("unexpected_index_list") or ())))
    observed = describe_together(result, n_rows)
    if observed is None:
        return Outcome(success=False, n_checked=0, rows=(), problem=SAW_NOTHING)
    return Outcome(success, n_rows, rows=(), observed=observed)


def count_values(expectation: Expectation, frame: pd.DataFrame) -> int:
    """Return how many rows an expectation about all rows together is about: those with a value."""
    column = expectation["kwargs"].get("column")
    is_counted = column in frame.columns and expectation["type"] not in _OF_NULLS_TOO
    return int(frame[column].count()) if is_counted else len(frame)


def _list_exceptions(info: Mapping[str, Any] | None) -> Iterator[str]:
    """Yield the messages of exceptions, at whatever depth they are reported."""
    for key, value in (info or {}).items():
        if isinstance(value, dict):
            yield from _list_exceptions(value)
        elif key == "raised_exception" and value:
            yield " ".join(str((info or {}).get("exception_message")).split())
