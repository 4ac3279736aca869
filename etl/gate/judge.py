"""The gate: what the profile and the suites demand of the tables, judged by Great Expectations.

Great Expectations has no engine for DuckDB. So every suite has one query in expectations/frames,
and its small pandas frame is what the suite judges: strings, float64 and booleans without a null.
A contract's severity is that of its threshold in the profile, else its own (etl.gate.suites). A
threshold whose value is `none` waives its contract. The suite `drift` is not judged where there is
no earlier version to compare with (etl.gate.drift). Nothing else passes unseen: a contract that
raised, did not run or found nothing to judge is critical.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from etl.build.index import list_tables
from etl.build.recipe import make_module_recipe
from etl.build.run import make_footer
from etl.gate import engine
from etl.gate.contracts import find_gone
from etl.gate.drift import Reference, explain_not_judged, find_reference, read_reference
from etl.gate.engine import Outcome, Result, Value, build_docs, count_values, read_result
from etl.gate.frames import FRAMES, hand_over, read_frame
from etl.gate.judged import hash_rules, hash_tables
from etl.gate.report import (
    JUDGED,
    NOT_JUDGED,
    WAIVED,
    Contract,
    Failing,
    GateReport,
    read_recorded,
    write_metric,
)
from etl.gate.suites import ITEM, LIST, SUITES, Expectation, read_suites
from etl.gate.text import words
from etl.model import project
from etl.model.errors import Severity, UserError
from etl.model.git_tables import read_known_issues
from etl.model.profile import BASE, Profile, load_profile, profile_path
from etl.model.store import table_path, write_table
from etl.tables import findings
from etl.tables.gate_results import TABLE
from etl.tables.voxel_files import MARGIN, VOXELS
from etl.warehouse.splits import find_first_folds

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

DRIFT = "drift"
NONE = "none"  # the value of a threshold for which the profile states no number
_EXAMPLES = 3
_NAMED = re.compile(r"\{(\w+)\}")  # a threshold in the words of a contract

# Suites that are about a workbook, which a profile may not name.
_WORKBOOKS = {
    "clinical": "clinical",
    "features": "features",
    "feature_audit": "features",
    "feature_constants": "features",
    "published_volumes": "features",
}


@dataclass(frozen=True, slots=True)
class Rules:
    """What the profile and known_issues.csv bring to the suites."""

    parameters: dict[str, Value]
    severities: dict[str, Severity]
    waivers: dict[str, str]  # threshold -> why the profile states no number
    known: dict[tuple[str, str], str]  # (case, field) -> note
    not_judged: dict[str, str] = field(default_factory=dict)  # suite -> why it cannot be


def run_gate(
    root: Path,
    *,
    docs: bool = False,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> GateReport:
    """Judge the tables of the project; write gate_results and reports/gate.json.

    Args:
        root: the project.
        docs: also build Data Docs in reports/docs.
        progress: called with suites judged and suites to judge.

    Raises:
        UserError: a table, a suite or a frame cannot be used.
    """
    from etl.warehouse.connect import connect

    profile = load_profile(root)
    _check_tables(root)
    engine.begin_import()
    judged = {**hash_tables(root), **hash_rules(root)}
    reference = find_reference(root, read_reference(read_recorded(root)))
    with connect(root) as connection:
        report = judge(connection, root, profile, reference=reference, docs=docs, progress=progress)
    inputs = [*(profile_path(root, name) for name in (profile.name, BASE)), *_list_rule_files(root)]
    recipe = make_module_recipe(root, "etl.gate.judge", profile, inputs)
    meta = {**make_footer(profile), "recipe": recipe, JUDGED: judged}
    rows = [contract.row() for contract in report.contracts]
    write_table(TABLE, rows, table_path(root / project.GATE, TABLE.name), meta=meta)
    write_metric(report, root, judged, reference)
    return report


def _check_tables(root: Path) -> None:
    folder = root / project.TABLES
    needed = (*list_tables(), findings.TABLE.name)
    missing = [name for name in needed if not table_path(folder, name).is_file()]
    if missing:
        which = "all tables" if len(missing) == len(needed) else ", ".join(missing)
        message = f"{folder}: not built: {which}; the gate needs every table. Run `ispy1 repro`."
        raise UserError(message)


def _list_rule_files(root: Path) -> list[Path]:
    rules = (*(root / SUITES).glob("*.yaml"), *(root / FRAMES).glob("*.sql"))
    return [root / LIST, *sorted(rules)]


def judge(
    connection: duckdb.DuckDBPyConnection,
    root: Path,
    profile: Profile,
    *,
    reference: Reference | None = None,
    docs: bool = False,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> GateReport:
    """Judge every suite on the tables of a connection. Writes no table.

    Args:
        connection: the warehouse.
        root: the project.
        profile: what the release is expected to be.
        reference: the earlier version that the suite `drift` compares with.
        docs: also build Data Docs.
        progress: called with suites judged and suites to judge.

    Raises:
        UserError: a suite or a frame cannot be used.
    """
    suites = read_suites(root)
    rules = make_rules(root, profile, reference)
    _check_parameters(suites, rules)
    hand_over(connection, profile, reference, find_first_folds(root))
    contracts = list(find_gone(root, suites))
    reader = ThreadPoolExecutor(1)  # DuckDB counts while Great Expectations judges
    frames = {name: reader.submit(read_frame, connection, root, name, profile) for name in suites}
    try:
        for done, (name, pending) in enumerate(frames.items()):
            progress(done, len(frames))
            frame = pending.result()
            _check_columns(name, suites[name], frame)
            results = engine.validate(root, name, suites[name], frame, rules.parameters)
            contracts += judge_suite(name, suites[name], results, frame, rules)
    finally:
        reader.shutdown(cancel_futures=True)
    if docs:
        weighed = {
            name: [{**e, "severity": _find_severity(e, rules)} for e in expectations]
            for name, expectations in suites.items()
        }
        build_docs(root, weighed)
    return GateReport(tuple(sorted(contracts, key=lambda c: (c.suite, c.expectation_id))))


def make_rules(root: Path, profile: Profile, reference: Reference | None = None) -> Rules:
    """Return the suite parameters: every threshold, and what follows from the profile's names."""
    reason = explain_not_judged(reference, profile)
    thresholds = profile.thresholds
    waivers = {name: t.source for name, t in thresholds.items() if t.value == NONE}
    parameters: dict[str, Value] = {
        name: 0.0 if name in waivers else _make_plain(t.value) for name, t in thresholds.items()
    }
    parameters["mask_values"] = [
        f"{mask}: {value:g}" for mask, m in profile.masks.items() for value in m.stored_values
    ]
    severities = {name: t.severity for name, t in thresholds.items()}
    not_judged = {DRIFT: reason} if reason else {}
    for suite, kind in _WORKBOOKS.items():
        if kind not in profile.files:
            not_judged[suite] = f"profile {profile.name} names no workbook of {kind} (`files`)"
    if project.param(root, MARGIN) is False:
        not_judged[VOXELS] = f"params.yaml switches the table off ({MARGIN})"
    return Rules(parameters, severities, waivers, read_known_issues(root), not_judged)


def _make_plain(value: float | str | tuple[float, ...] | tuple[str, ...]) -> Value:
    return list(value) if isinstance(value, tuple) else value  # type: ignore[return-value]


def _check_parameters(suites: Mapping[str, Sequence[Expectation]], rules: Rules) -> None:
    for name, expectations in suites.items():
        for expectation in expectations:
            missing = sorted(list_parameters_of(expectation) - set(rules.parameters))
            if missing:
                message = (
                    f"{SUITES}/{name}.yaml: {', '.join(missing)} is no threshold of the profile. "
                    f"Add it to expectations/profiles/{BASE}.yaml: value, severity and source."
                )
                raise UserError(message)


def _check_columns(suite: str, expectations: Sequence[Expectation], frame: pd.DataFrame) -> None:
    metas = [expectation["meta"] for expectation in expectations]
    shown = {meta[name] for meta in metas for name in ("shows", "field_column") if name in meta}
    missing = sorted({ITEM, *shown} - set(frame.columns))
    if missing:
        message = (
            f"{FRAMES}/{suite}.sql: gives no column {', '.join(missing)}; expected {ITEM}, which "
            "says what a row is about, and what the contracts show. Add it to the query."
        )
        raise UserError(message)


def list_parameters_of(expectation: Expectation) -> set[str]:
    """Return the names of the suite parameters that an expectation uses."""
    values = expectation["kwargs"].values()
    used = {v["$PARAMETER"] for v in values if isinstance(v, dict) and "$PARAMETER" in v}
    threshold = expectation["meta"].get("threshold")
    named = set(_NAMED.findall(expectation["notes"]))
    return used | named | ({threshold} if threshold else set())


def judge_suite(
    name: str,
    expectations: Sequence[Expectation],
    results: Mapping[str, Result],
    frame: pd.DataFrame,
    rules: Rules,
) -> list[Contract]:
    """Return a contract per expectation of the suite, whatever Great Expectations returned."""
    return [
        _make_contract(
            name, e, read_result(results.get(e["id"]), count_values(e, frame)), frame, rules
        )
        for e in expectations
    ]


def _make_contract(
    suite: str, expectation: Expectation, outcome: Outcome, frame: pd.DataFrame, rules: Rules
) -> Contract:
    excuse = _find_excuse(suite, expectation, rules)
    severity, text, observed, rows = _weigh(expectation, outcome, frame, rules, excuse)
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
        failing=tuple(_name_failing(frame, row) for row in rows),
        fix=expectation["meta"]["fix"],
    )


def _name_failing(frame: pd.DataFrame, row: int) -> Failing:
    """Return a row's case and item; the item alone where it begins with its case, or has none."""
    item = words(frame[ITEM].iloc[row])
    case_id = frame["case_id"].iloc[row] if "case_id" in frame else None
    is_alone = not isinstance(case_id, str) or item.startswith(case_id)
    return Failing(item) if is_alone else Failing(str(case_id), item)


def _weigh(
    expectation: Expectation,
    outcome: Outcome,
    frame: pd.DataFrame,
    rules: Rules,
    excuse: str | None,
) -> tuple[Severity, str, str, tuple[int, ...]]:
    """Return severity, words, what was seen and the rows that count, beside known issues."""
    severity, text = _find_severity(expectation, rules), expectation["notes"]
    if excuse is not None:
        return severity, _NAMED.sub(r"\1", text), excuse, ()
    text = _NAMED.sub(lambda match: words(rules.parameters[match[1]]), text)
    if outcome.problem is not None:
        return "critical", text, outcome.problem, ()
    rows = outcome.rows
    notes = {row: note for row in rows if (note := _note(expectation, frame, row, rules))}
    if notes and len(notes) == len(rows):
        severity = "info"
        text += f" (known: {'; '.join(sorted(set(notes.values())))})"
    else:
        rows = tuple(row for row in rows if row not in notes)
    observed = outcome.observed or _describe_observed(expectation, frame, rows, outcome.n_checked)
    return severity, text, observed, rows


def _find_severity(expectation: Expectation, rules: Rules) -> Severity:
    stated: Severity = expectation["severity"]
    return rules.severities.get(expectation["meta"].get("threshold", ""), stated)


def _find_excuse(suite: str, expectation: Expectation, rules: Rules) -> str | None:
    """Return why a contract is not judged: it is waived, or has nothing to compare with."""
    if suite in rules.not_judged:
        return f"{NOT_JUDGED}{rules.not_judged[suite]}"
    waiver = rules.waivers.get(expectation["meta"].get("threshold", ""))
    return None if waiver is None else f"{WAIVED}{waiver}"


def _note(expectation: Expectation, frame: pd.DataFrame, row: int, rules: Rules) -> str | None:
    """Return what known_issues.csv says of a failing row; None where it does not explain all."""
    meta, column = expectation["meta"], expectation["kwargs"].get("column")
    if "case_id" not in frame:
        return None
    case_id = str(frame["case_id"].iloc[row])
    if "field_column" in meta:
        fields = str(frame[meta["field_column"]].iloc[row]).split(",")
        notes = [rules.known.get((case_id, field)) for field in fields]
        return "; ".join(filter(None, notes)) if all(notes) else None
    return rules.known.get((case_id, meta.get("field", ""))) or rules.known.get((case_id, column))


def _describe_observed(
    expectation: Expectation, frame: pd.DataFrame, rows: Sequence[int], n_checked: int
) -> str:
    """Return what was seen: some values of the failing rows, or how many rows are fine."""
    if not rows:
        return f"{n_checked} rows hold it"
    shown = frame[_list_shown_columns(expectation)].iloc[list(rows)].to_numpy(dtype=object)
    values = list(dict.fromkeys(words(list(row)) for row in shown))
    more = ", ..." if len(values) > _EXAMPLES else ""
    return f"{len(rows)} of {n_checked}: {'; '.join(values[:_EXAMPLES])}{more}"


def _list_shown_columns(expectation: Expectation) -> list[str]:
    """Return the columns of the frame that show what is wrong with a row."""
    kwargs, meta = expectation["kwargs"], expectation["meta"]
    if "shows" in meta:
        return [meta["shows"]]
    judged = [kwargs[name] for name in ("column", "column_A", "column_B") if name in kwargs]
    return judged or list(kwargs.get("column_list", (ITEM,)))
