"""`ispy1 report methods`: the methods of a paper, filled from tables, parameters and versions.

Every count is the answer of a report or view, and a part of which no table is built is left out.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import duckdb

from etl.ask.card.card import NOT_RECORDED, describe_verdict, read_facts
from etl.ask.card.template import Answers, Row, ask, fill_template, write_query
from etl.model import project
from etl.model.errors import UserError
from etl.text.values import is_list
from etl.versions.run_git import describe_checkout
from etl.warehouse.connect import connect, hide_python_objects
from etl.warehouse.reports import list_reports

TEMPLATE = Path(__file__).with_name("methods.template.md")
PACKAGES = (
    "ispy1-warehouse", "numpy", "scipy", "nibabel", "scikit-image", "connected-components-3d",
    "z-rad", "duckdb", "dvc", "great-expectations",
)  # fmt: skip
# Reports whose rows say nothing where this count is 0: no mask of a set is there, or none measured.
COUNTED = {"labels": "n_nonempty", "agreement_medians": "n_cases", "enhancement": "n_cases"}
# Of feature_audit, in the words of the text. What cannot be compared neither agrees nor differs.
TIERS = {"exact": "known", "concordance": "known but for a detail"}
_OF_TABLE = re.compile(r"<!-- (of\.([\w.]+))")  # a block that is there where the table has rows
_INSIDE = re.compile(r"\n\n(?!\*\*)")  # a paragraph of the text begins with a bold word


def format_methods(root: Path) -> str:
    """Return the methods of the project at `root` as markdown.

    Raises:
        UserError: the warehouse cannot be opened.
    """
    facts = read_facts(root)
    release = f"`{facts.release_hash}`" if facts.release_hash else NOT_RECORDED
    with connect(root) as connection:
        hide_python_objects(connection)
        settings = {**_read_versions(root), **_read_numbers(connection)}
        answers: Answers = {
            "phantom": [{}] if facts.profile.is_phantom else [],
            "version": [{"release": release, "profile": facts.profile.name}],
            "software": [settings],
            "verdict": [describe_verdict(facts)],
            **_find_parts(connection, settings),
            **_list_measured(root, connection),
            **_list_audit(root, connection),
            "recompute.inputs": _list_inputs(root, connection),
        }
        text = fill_template(connection, root, answers, TEMPLATE)
    return _INSIDE.sub("\n", text)


def _read_versions(root: Path) -> Row:
    """Return the versions of code, Python and packages, by names that a template can hold."""
    try:
        revision = describe_checkout(root) or NOT_RECORDED
    except UserError:  # no git here, or nothing is committed
        revision = "not recorded"
    packages = {name.replace("-", "_"): version(name) for name in PACKAGES}
    return {**packages, "python": platform.python_version(), "revision": revision}


def _read_numbers(connection: duckdb.DuckDBPyConnection) -> Row:
    """Return the numbers of params.yaml by name, `kinetics_pe_min_percent`."""
    rows = ask(connection, "from inputs.params")
    return {row["name"].replace(".", "_"): row["number"] for row in rows}


def _find_parts(connection: duckdb.DuckDBPyConnection, settings: Row) -> Mapping[str, list[Row]]:
    """Return the settings for each block that is about a table with rows, nothing for others."""
    blocks: list[tuple[str, str]] = _OF_TABLE.findall(TEMPLATE.read_text(encoding="utf-8"))
    return {
        block: [settings] if ask(connection, f"{write_query(table)} limit 1") else []
        for block, table in blocks
    }


def _list_measured(root: Path, connection: duckdb.DuckDBPyConnection) -> Answers:
    """Return the rows of the reports of COUNTED that say something."""
    queries = list_reports(root)
    return {
        name: [row for row in ask(connection, queries[name]) if row[count]]
        for name, count in COUNTED.items()
    }


def _list_audit(root: Path, connection: duckdb.DuckDBPyConnection) -> Answers:
    """Return the audit's counts of features that can be compared, and of those that cannot."""
    rows = ask(connection, list_reports(root)["audit_by_tier"])
    return {
        "audit_by_tier": [{**r, "tier": TIERS[r["tier"]]} for r in rows if r["tier"] in TIERS],
        "audit.not_compared": [row for row in rows if row["tier"] not in TIERS],
    }


def _list_inputs(root: Path, connection: duckdb.DuckDBPyConnection) -> list[Row]:
    """Return what features were recomputed from, as params.yaml lists it."""
    if not ask(connection, "from recomputed_features limit 1"):
        return []
    inputs: list[dict[str, Any]] = project.param(root, "recompute.inputs")
    return [{**row, "families": _name_families(row["families"])} for row in inputs]


def _name_families(families: Any) -> str:  # noqa: ANN401  a list, or the word for all
    if not is_list(families):
        return "all families"
    return f"{', '.join(families).replace('_', ' ')} alone"
