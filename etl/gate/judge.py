"""The gate: what the profile and the suites demand of the tables, judged by Great Expectations.

Great Expectations has no engine for DuckDB. So every suite has one query in expectations/frames,
and its small pandas frame is what the suite judges: strings, float64 and booleans without a null.
A contract's severity is that of its expectation; where `meta.threshold` names a threshold of the
profile, the profile's severity holds. A threshold whose value is `none` waives its contract. The
suite `drift` is not judged where there is no earlier version to compare with (etl.gate.drift).
Nothing else passes unseen: a contract that raised, did not run or found nothing to judge is
critical.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from etl.build.index import list_tables
from etl.build.recipe import make_module_recipe
from etl.build.run import make_footer
from etl.gate.contracts import LIST, find_gone
from etl.gate.drift import Reference, find_reference, read_reference, why_not_judged
from etl.gate.frames import hand_over, read_frame
from etl.gate.judged import hash_rules, hash_tables
from etl.gate.report import (
    JUDGED,
    NOT_JUDGED,
    NOTHING,
    WAIVED,
    Contract,
    GateReport,
    read_recorded,
    read_suites,
    write_metric,
)
from etl.gate.text import describe_value, words
from etl.model import project
from etl.model.errors import Severity, UserError
from etl.model.known_issues import read_known_issues
from etl.model.profile import Profile, load_profile, profile_path
from etl.model.store import table_path, write_table
from etl.tables import findings
from etl.tables.gate_results import TABLE
from etl.warehouse.splits import first_folds

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

CONFIG = "expectations/great_expectations.yml"
DRIFT = "drift"
NONE = "none"  # the value of a threshold for which the profile states no number
ITEM = "item"  # the column of every frame that says what a row is about
_EXAMPLES = 3
SAW_NOTHING = "does not state what it saw"  # `observed` where a result holds neither rows nor value

Value = float | str | list[float] | list[str]
Expectation = Mapping[str, Any]
Result = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Rules:
    """What the profile and known_issues.csv bring to the suites."""

    parameters: dict[str, Value]
    severities: dict[str, Severity]
    waivers: dict[str, str]  # threshold -> why the profile states no number
    known: dict[tuple[str, str], str]  # (case, field) -> note
    not_judged: dict[str, str] = field(default_factory=dict)  # suite -> why it cannot be


@dataclass(frozen=True, slots=True)
class Outcome:
    """What Great Expectations said about one expectation, in our words."""

    success: bool
    n_checked: int
    rows: tuple[int, ...]  # positions of the failing rows in the frame
    problem: str | None = None
    observed: str | None = None  # where all rows together have one value: a mean, quantiles


def run_gate(root: Path, *, docs: bool = False) -> GateReport:
    """Judge the tables of the project; write gate_results and reports/gate.json.

    Args:
        root: the project.
        docs: also build Data Docs in reports/docs.

    Raises:
        UserError: a table, a suite or a frame cannot be used.
    """
    from etl.warehouse.connect import connect

    profile = load_profile(root)
    _check_tables(root)
    judged = {**hash_tables(root), **hash_rules(root)}
    reference = find_reference(root, read_reference(read_recorded(root)))
    with connect(root) as connection:
        report = judge(connection, root, profile, reference=reference, docs=docs)
    inputs = [profile_path(root, profile.name), *_rule_files(root)]
    recipe = make_module_recipe(root, "etl.gate.judge", profile, inputs)
    meta = {**make_footer(profile), "recipe": recipe, JUDGED: judged}
    rows = [contract.row() for contract in report.contracts]
    write_table(TABLE, rows, table_path(root / project.GATE, TABLE.name), meta=meta)
    write_metric(report, root, judged, reference)
    return report


def _check_tables(root: Path) -> None:
    folder = root / project.TABLES
    wanted = (*list_tables(), findings.TABLE.name)
    missing = [name for name in wanted if not table_path(folder, name).is_file()]
    if missing:
        which = "all tables" if len(missing) == len(wanted) else ", ".join(missing)
        message = f"{folder}: not built: {which}; the gate needs every table. Run `ispy1 repro`."
        raise UserError(message)


def _rule_files(root: Path) -> list[Path]:
    folder = root / "expectations"
    return [root / LIST, *sorted((*folder.glob("suites/*.json"), *folder.glob("frames/*.sql")))]


def judge(
    connection: duckdb.DuckDBPyConnection,
    root: Path,
    profile: Profile,
    *,
    reference: Reference | None = None,
    docs: bool = False,
) -> GateReport:
    """Judge every suite on the tables of a connection. Writes no table.

    Args:
        connection: the warehouse.
        root: the project.
        profile: what the release is expected to be.
        reference: the earlier version that the suite `drift` compares with.
        docs: also build Data Docs.

    Raises:
        UserError: a suite or a frame cannot be used.
    """
    suites = read_suites(root)
    rules = make_rules(root, profile, reference)
    _check_parameters(suites, rules)
    hand_over(connection, profile, reference, first_folds(root))
    contracts = list(find_gone(root, suites))
    for name, expectations in suites.items():
        frame = read_frame(connection, root, name)
        results = validate(root, name, frame, rules.parameters)
        contracts += judge_suite(name, expectations, results, frame, rules)
    if docs:
        context(root).build_data_docs()
    return GateReport(tuple(sorted(contracts, key=lambda c: (c.suite, c.expectation_id))))


def make_rules(root: Path, profile: Profile, reference: Reference | None = None) -> Rules:
    """The suite parameters: every threshold, and what follows from the profile's names."""
    reason = why_not_judged(reference, profile)
    thresholds = profile.thresholds
    waivers = {name: t.source for name, t in thresholds.items() if t.value == NONE}
    parameters: dict[str, Value] = {
        name: 0.0 if name in waivers else _plain(t.value) for name, t in thresholds.items()
    }
    parameters["mask_values"] = [
        f"{mask}: {value:g}" for mask, m in profile.masks.items() for value in m.stored_values
    ]
    severities = {name: t.severity for name, t in thresholds.items()}
    not_judged = {DRIFT: reason} if reason else {}
    return Rules(parameters, severities, waivers, read_known_issues(root), not_judged)


def _plain(value: float | str | tuple[float, ...] | tuple[str, ...]) -> Value:
    return list(value) if isinstance(value, tuple) else value  # type: ignore[return-value]


def _check_parameters(suites: Mapping[str, Sequence[Expectation]], rules: Rules) -> None:
    for name, expectations in suites.items():
        for expectation in expectations:
            missing = sorted(parameters_of(expectation) - set(rules.parameters))
            if missing:
                message = (
                    f"expectations/suites/{name}.json: {', '.join(missing)} is no threshold of "
                    "the profile. Add it there with value, severity and source."
                )
                raise UserError(message)


def parameters_of(expectation: Expectation) -> set[str]:
    """The names of the suite parameters that an expectation uses."""
    values = expectation["kwargs"].values()
    used = {v["$PARAMETER"] for v in values if isinstance(v, dict) and "$PARAMETER" in v}
    threshold = expectation["meta"].get("threshold")
    return used | ({threshold} if threshold else set())


@cache
def context(root: Path) -> Any:  # noqa: ANN401  Great Expectations is untyped here
    """The ephemeral context of expectations/great_expectations.yml (one a process and project).

    A file context would rewrite its own configuration at each run.
    """
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations as gx
    from great_expectations.data_context.types.base import DataContextConfig

    config = project.read_yaml(root / CONFIG)
    stores = (*config["stores"].values(), *config["data_docs_sites"].values())
    for backend in (store["store_backend"] for store in stores):
        if "base_directory" in backend:
            backend["base_directory"] = str(root / backend["base_directory"])
    made = gx.get_context(mode="ephemeral", project_config=DataContextConfig(**config))
    made.data_sources.add_pandas("frames")
    return made


def validate(
    root: Path, name: str, frame: pd.DataFrame, parameters: Mapping[str, Value]
) -> dict[str, Result]:
    """What Great Expectations says about a frame: expectation id -> result as JSON.

    An expectation that it could not load or run is not among the results: judge_suite() sees that.
    """
    from great_expectations.exceptions.exceptions import GreatExpectationsError

    gx_context = context(root)
    try:
        suite = gx_context.suites.get(name)
        batch = _definition(gx_context, name).get_batch({"dataframe": frame})
        found = batch.validate(
            suite, expectation_parameters=dict(parameters), result_format="COMPLETE"
        )
    except (GreatExpectationsError, ValueError, TypeError) as error:
        return {"": {"problem": f"{type(error).__name__}: {' '.join(str(error).split())}"}}
    for result in found.results:  # quantiles have NumPy's, which the store of results cannot write
        result.success = bool(result.success)
    _keep_for_docs(gx_context, name, found)
    results = found.to_json_dict()["results"]
    return {result["expectation_config"]["id"]: result for result in results}


def _definition(gx_context: Any, name: str) -> Any:  # noqa: ANN401  untyped library
    """The batch definition of a suite's frame; an asset may be added to a context only once."""
    source = gx_context.data_sources.get("frames")
    if name in {asset.name for asset in source.assets}:
        return source.get_asset(name).get_batch_definition("all")
    return source.add_dataframe_asset(name).add_batch_definition_whole_dataframe("all")


def _keep_for_docs(gx_context: Any, name: str, found: Any) -> None:  # noqa: ANN401  untyped library
    from great_expectations.core.run_identifier import RunIdentifier
    from great_expectations.data_context.types.resource_identifiers import (
        ExpectationSuiteIdentifier,
        ValidationResultIdentifier,
    )

    run = RunIdentifier(run_name="gate")
    key = ValidationResultIdentifier(ExpectationSuiteIdentifier(name), run, name)
    gx_context.validation_results_store.set(key, found)


def judge_suite(
    name: str,
    expectations: Sequence[Expectation],
    results: Mapping[str, Result],
    frame: pd.DataFrame,
    rules: Rules,
) -> list[Contract]:
    """One contract an expectation of the suite's file, whatever Great Expectations returned."""
    problem = results.get("", {}).get("problem", "did not run")
    return [
        _contract(name, expectation, read_result(found, len(frame), problem), frame, rules)
        for expectation in expectations
        for found in [results.get(expectation["id"])]
    ]


def read_result(result: Result | None, n_rows: int, problem: str = "did not run") -> Outcome:
    """An expectation's result; whatever is not a clear answer is a failure with a problem.

    Args:
        result: as JSON, None where there is none.
        n_rows: rows of the frame, which a result about all rows together does not state.
        problem: why there is no result.
    """
    if result is None:
        return Outcome(success=False, n_checked=0, rows=(), problem=problem)
    raised = next(_exceptions(result.get("exception_info")), None)
    if raised is not None:
        return Outcome(success=False, n_checked=0, rows=(), problem=f"raised {raised}")
    found = result["result"]
    success = result["success"] is True
    n_checked = int(found.get("element_count", n_rows)) - int(found.get("missing_count") or 0)
    if n_checked == 0:
        return Outcome(success=False, n_checked=0, rows=(), problem=NOTHING)
    if "element_count" not in found and "observed_value" not in found:
        return Outcome(success=False, n_checked=0, rows=(), problem=SAW_NOTHING)
    if "element_count" not in found:
        return Outcome(success, n_checked, rows=(), observed=describe_value(found, n_checked))
    rows = tuple(sorted(found.get("unexpected_index_list") or ()))
    return Outcome(success, n_checked, rows)


def _exceptions(info: Mapping[str, Any] | None) -> Iterator[str]:
    """The messages of exceptions, at whatever depth they are reported."""
    for key, value in (info or {}).items():
        if isinstance(value, dict):
            yield from _exceptions(value)
        elif key == "raised_exception" and value:
            yield " ".join(str((info or {}).get("exception_message")).split())


def _contract(
    suite: str, expectation: Expectation, outcome: Outcome, frame: pd.DataFrame, rules: Rules
) -> Contract:
    excuse = _excuse(suite, expectation, rules)
    severity, text, observed, rows = _weighed(expectation, outcome, frame, rules, excuse)
    return Contract(
        suite=suite,
        expectation_id=expectation["id"],
        expectation=text,
        column=expectation["kwargs"].get("column"),
        severity=severity,
        success=outcome.success or excuse is not None,
        n_checked=0 if excuse is not None else outcome.n_checked,
        n_failed=len(rows),
        observed=observed,
        failing_cases=tuple(frame[ITEM].iloc[list(rows)]) if rows else (),
        fix=expectation["meta"]["fix"],
    )


def _weighed(
    expectation: Expectation,
    outcome: Outcome,
    frame: pd.DataFrame,
    rules: Rules,
    excuse: str | None,
) -> tuple[Severity, str, str, tuple[int, ...]]:
    """Severity, words, what was seen, and the rows that count, known issues considered."""
    severity, text = _severity(expectation, rules), expectation["notes"]
    if excuse is not None:
        return severity, text.replace("{", "").replace("}", ""), excuse, ()
    text = text.format(**{name: words(value) for name, value in rules.parameters.items()})
    if outcome.problem is not None:
        return "critical", text, outcome.problem, ()
    rows = outcome.rows
    known = {row: note for row in rows if (note := _note(expectation, frame, row, rules))}
    if known and len(known) == len(rows):
        severity = "info"
        text += f" (known: {'; '.join(sorted(set(known.values())))})"
    else:
        rows = tuple(row for row in rows if row not in known)
    observed = outcome.observed or _observed(expectation, frame, rows, outcome.n_checked)
    return severity, text, observed, rows


def _severity(expectation: Expectation, rules: Rules) -> Severity:
    own: Severity = expectation["severity"]
    return rules.severities.get(expectation["meta"].get("threshold", ""), own)


def _excuse(suite: str, expectation: Expectation, rules: Rules) -> str | None:
    """Why a contract is not judged: the profile waives it, or there is nothing to compare with."""
    if suite in rules.not_judged:
        return f"{NOT_JUDGED}{rules.not_judged[suite]}"
    waiver = rules.waivers.get(expectation["meta"].get("threshold", ""))
    return None if waiver is None else f"{WAIVED}{waiver}"


def _note(expectation: Expectation, frame: pd.DataFrame, row: int, rules: Rules) -> str | None:
    """What known_issues.csv says about a failing row, None where it does not explain it all."""
    meta, column = expectation["meta"], expectation["kwargs"].get("column")
    case_id = str(frame["case_id"].iloc[row])
    if "field_column" in meta:
        fields = str(frame[meta["field_column"]].iloc[row]).split(",")
        notes = [rules.known.get((case_id, field)) for field in fields]
        return "; ".join(filter(None, notes)) if all(notes) else None
    return rules.known.get((case_id, meta.get("field", ""))) or rules.known.get((case_id, column))


def _observed(
    expectation: Expectation, frame: pd.DataFrame, rows: Sequence[int], n_checked: int
) -> str:
    """What was seen: some values of the failing rows, or how many rows are fine."""
    column = expectation["kwargs"].get("column", ITEM)
    if not rows:
        return f"{n_checked} rows hold it"
    shown = frame[expectation["meta"].get("shows", column)].iloc[list(rows)]
    values = list(dict.fromkeys(words(value) for value in shown))
    more = ", ..." if len(values) > _EXAMPLES else ""
    return f"{len(rows)} of {n_checked}: {'; '.join(values[:_EXAMPLES])}{more}"
