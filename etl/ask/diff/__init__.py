"""What changed between two versions: `compare` for a report, `connect` for SQL over `diff.*`."""

from __future__ import annotations

from pathlib import Path

from etl.ask.diff.compare import compare
from etl.ask.diff.records import Difference
from etl.ask.diff.views import add_views, connect
from etl.model.project import find_root

__all__ = ["Difference", "add_views", "compare", "connect", "diff"]


def diff(old: str, new: str | None = None, *, project: Path | str | None = None) -> Difference:
    """Find what changed between two versions, which a notebook shows as `ispy1 diff` does.

    Args:
        old: a git revision (tag, branch, hash, `HEAD~2`).
        new: another. Default: what lies in the working tree now.
        project: a folder of the project (default: the current one).

    Raises:
        UserError: no project here, an unknown revision, or one without tables.
    """
    return compare(find_root(None if project is None else Path(project)), old, new)
