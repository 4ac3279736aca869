"""What changed between two versions: `compare` for a report, `connect` for SQL over `diff.*`."""

from __future__ import annotations

from etl.ask.diff.compare import compare
from etl.ask.diff.records import Difference
from etl.ask.diff.views import add_views, connect

__all__ = ["Difference", "add_views", "compare", "connect"]
