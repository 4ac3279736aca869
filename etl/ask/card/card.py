"""reports/card.md: the dataset card, every figure from SQL.

No clock and no git revision: the same release, code and verdict give the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from etl.ask.card.template import Row, ask, fill_template
from etl.gate.report import Contract, GateReport, find_report, find_stale, format_headline
from etl.gate.text import describe_stale, group, list_unjudged
from etl.model import project
from etl.model.profile import Profile, load_profile
from etl.model.store import read_footer, require_tables, write_text
from etl.text.markdown import NONE
from etl.versions import dvc
from etl.warehouse.connect import connect, hide_python_objects, quoted

CARD = "reports/card.md"
PICTURE = "card.png"  # beside the card
FEW = 5  # cases that a cell names
NOT_RECORDED = "not recorded: the release was not built by `ispy1 repro`"


@dataclass(frozen=True, slots=True)
class Facts:
    """What the card says beside the answers of SQL."""

    profile: Profile
    release_hash: str | None
    recipes: dict[str, str]  # table -> recipe
    report: GateReport | None  # None: the gate did not judge these tables
    changes: list[str] = field(default_factory=list)  # since the gate judged
    has_picture: bool = True


def write_card(root: Path) -> Path:
    """Write reports/card.md of the project at `root`; return its path.

    Raises:
        UserError: there is no table, the warehouse cannot be opened, or the disk refuses.
    """
    require_tables(root)
    with connect(root) as connection:
        card = render_card(connection, root, read_facts(root))
    return write_text(root / CARD, card)


def read_facts(root: Path) -> Facts:
    """Return hash, recipes and verdict of the project at `root`."""
    tables = [p for f in (project.TABLES, project.GATE) for p in (root / f).glob("*.parquet")]
    return Facts(
        load_profile(root),
        dvc.release_hash(root),
        {path.stem: _read_recipe(path) for path in sorted(tables, key=lambda path: path.stem)},
        find_report(root),
        find_stale(root, blobs=False),
        (root / CARD).with_name(PICTURE).is_file(),
    )


def _read_recipe(path: Path) -> str:
    try:
        return str(read_footer(path)["recipe"])
    except (KeyError, TypeError, json.JSONDecodeError):  # a table that the project did not write
        return NONE


def render_card(connection: duckdb.DuckDBPyConnection, root: Path, facts: Facts) -> str:
    """Return the card as markdown.

    Args:
        connection: the warehouse.
        root: the project, which has the reports.
        facts: what no query can answer.
    """
    hide_python_objects(connection)
    report = facts.report or GateReport(())
    release = f"`{facts.release_hash}`" if facts.release_hash else NOT_RECORDED
    answers: Mapping[str, list[Row]] = {
        "title": [{"title": make_title(facts.profile)}],
        "verdict": [describe_verdict(facts)],
        "picture": [{"file": PICTURE}] if facts.has_picture else [],
        "no_picture": [] if facts.has_picture else [{}],
        "problems": [_describe_contract(c) for c in report.failing if c.n_checked],
        "unjudged": [{"line": line} for line in list_unjudged(report)],
        "version": [{"release": release, "profile": facts.profile.name}],
        "tables": list_tables(connection, facts),
    }
    return fill_template(connection, root, answers)


def make_title(profile: Profile) -> str:
    """Return what the release is called; a phantom says first that it is one."""
    if profile.is_phantom:
        return f"PHANTOM: {profile.dataset} (synthetic, no patient data)"
    return profile.dataset


def describe_verdict(facts: Facts) -> Row:
    """Return the colour of the verdict, and its counts in words."""
    report = facts.report
    if report is None:
        return {"colour": NONE, "counts": "the gate has not judged these tables"}
    words = describe_stale(report, facts.changes) if facts.changes else format_headline(report)
    colour, _, counts = words.partition(": ")
    return {"colour": colour, "counts": counts}


def _describe_contract(contract: Contract) -> Row:
    """Return a broken contract with the groups of cases that break it."""
    groups = group(contract.failing)
    rest = [f"and {len(groups) - FEW:,} more"] if len(groups) > FEW else []
    return {
        "severity": contract.severity,
        "contract": contract.expectation,
        "observed": contract.observed,
        "where": "; ".join([*(g.words(FEW) for g in groups[:FEW]), *rest]),
        "fix": contract.fix,
    }


def list_tables(connection: duckdb.DuckDBPyConnection, facts: Facts) -> list[Row]:
    """Return name, number of rows and recipe of every table."""
    return [
        {"table": name, "n_rows": _count_rows(connection, name), "recipe": recipe}
        for name, recipe in facts.recipes.items()
    ]


def _count_rows(connection: duckdb.DuckDBPyConnection, table: str) -> int | None:
    rows = ask(connection, f"select count(*) as n from {quoted(table)}")  # noqa: S608  quoted
    return rows[0]["n"] if rows else None
