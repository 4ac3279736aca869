"""Named questions: sql/reports/<name>.sql, whose opening comment is the title."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

from etl.model.errors import UserError
from etl.model.profile import load_profile
from etl.warehouse.views import fill_roles, read_header, read_sql

REPORTS = "sql/reports"
METHODS = "methods"  # a report in prose: etl.ask.methods


def list_reports(root: Path) -> dict[str, str]:
    """Return every report of the project: name to SQL text."""
    return read_sql(root / REPORTS)


def read_title(sql: str) -> str:
    """Return the title of a report."""
    return " ".join(line.strip() for line in read_header(sql))


def list_titles(root: Path) -> dict[str, str]:
    """Return name and title of every report, by name."""
    titles = {name: read_title(text) for name, text in list_reports(root).items()}
    methods = "Methods: the methods of a paper, with counts, parameters, versions and citation"
    return dict(sorted({**titles, METHODS: methods}.items()))


def find(root: Path, name: str) -> str:
    """Return the SQL text of the report `name`.

    Raises:
        UserError: there is none.
    """
    all_reports = list_reports(root)
    if name in all_reports:
        return fill_roles(all_reports[name], load_profile(root))
    near = get_close_matches(name, [*all_reports, METHODS], 1)
    hint = f" Did you mean {near[0]}?" if near else ""
    message = f"{name}: no report of this name.{hint} `ispy1 report` lists them."
    raise UserError(message)
