"""The contracts that judge a column, and the findings about a row."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb

from etl.ask.why.model import ContractFact, Row
from etl.ask.why.subject import select_rows
from etl.gate.suites import read_suites
from etl.model.errors import SEVERITIES, UserError
from etl.model.profile import Profile
from etl.warehouse import views
from etl.warehouse.lineage import Schema, Source, find_all_sources

FRAMES = "expectations/frames"
Frames = Callable[[str], Mapping[str, Sequence[Source]]]


def find_contracts(
    root: Path,
    connection: duckdb.DuckDBPyConnection,
    frames: Frames,
    subject: tuple[str, str],
    row: Row,
) -> list[ContractFact]:
    """Find the contracts that judge a column or that a row breaks: broken and naming it first.

    Args:
        root: the project.
        connection: its warehouse.
        frames: gives for a suite what is behind each column of its frame (trace_frame()).
        subject: table and column.
        row: the row; its key is looked for among the failing cases.
    """
    try:
        results = select_rows(connection, "gate_results", (), ())
    except duckdb.CatalogException:
        return []
    fixes = _read_fixes(root)
    asked = {suite: frames(suite) for suite in _list_suites_of(root, subject[0])}
    facts = []
    for result in results:
        frame = asked.get(result["suite"], {})
        reads = any(s.table == subject[0] for sources in frame.values() for s in sources)
        named = reads and not result["success"] and _is_named(result["failing_cases"], row)
        if named or _is_judged(frame.get(result["column"], ()), subject, row):
            fix = fixes.get((result["suite"], result["expectation_id"]), "")
            facts.append(_make_fact(result, fix, names_it=named))
    return sorted(facts, key=_order)


def _read_fixes(root: Path) -> dict[tuple[str, str], str]:
    try:
        suites = read_suites(root)
    except UserError:  # `ispy1 gate` says what is wrong with them
        return {}
    return {(name, e["id"]): e["meta"]["fix"] for name, suite in suites.items() for e in suite}


def trace_frame(
    root: Path, profile: Profile, suite: str, schema: Schema, queries: Mapping[str, str]
) -> Mapping[str, Sequence[Source]]:
    """Return what is behind each column of a suite's frame; `queries`: the SQL of the views."""
    text = (root / FRAMES / f"{suite}.sql").read_text(encoding="utf-8")
    return find_all_sources(views.fill_roles(text, profile), schema, queries)


def _list_suites_of(root: Path, table: str) -> list[str]:
    """List the suites whose frame may read a table: it names the table, or a view."""
    view_names = views.read_sql(root / "sql" / "views").keys()
    texts = views.read_sql(root / FRAMES)
    mention = re.compile(rf"\b{re.escape(table)}\b")
    return [
        suite
        for suite, sql in texts.items()
        if mention.search(sql) or views.find_relations(sql) & view_names
    ]


def _is_judged(behind: Sequence[Source], subject: tuple[str, str], row: Row) -> bool:
    """Return whether a frame's column comes from the column, with this row in it."""
    return any(
        (source.table, source.column) == subject
        and all(row.get(name) == value for name, value in source.fixed.items())
        for source in behind
    )


def _is_named(failing: list[str], row: Row) -> bool:
    """Return whether failing cases name the row: by its case, path or key."""
    names = ("case_id", "path", "feature", "finding_id")
    marks = [rf"(?<!\w){re.escape(str(row[name]))}(?!\w)" for name in names if row.get(name)]
    return any(re.search(mark, case) for mark in marks for case in failing)


def _make_fact(result: Mapping[str, Any], fix: str, *, names_it: bool) -> ContractFact:
    names = ("suite", "expectation", "column", "severity", "success", "observed")
    return ContractFact(**{name: result[name] for name in names}, names_it=names_it, fix=fix)


def _order(fact: ContractFact) -> tuple[bool, bool, int, str]:
    return (fact.success, not fact.names_it, SEVERITIES.index(fact.severity), fact.suite)


def find_findings(connection: duckdb.DuckDBPyConnection, table: str, row: Row) -> list[Row]:
    """Return the findings about this row: by its path, else by its case in this table."""
    try:
        findings = select_rows(connection, "findings", (), ())
    except duckdb.CatalogException:
        return []
    path, case_id = row.get("path"), row.get("case_id")

    def is_about(finding: Row) -> bool:
        if finding["path"]:
            return bool(finding["path"] == path)
        return bool(case_id) and (finding["table"], finding["case_id"]) == (table, case_id)

    return list(filter(is_about, findings))
