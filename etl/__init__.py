"""ispy1: a data-versioned analytics warehouse over a release of breast DCE-MRI blobs.

`etl.connect()` opens the tables and the views of the current project in DuckDB; `etl.diff("v1")`
says what changed since a version.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from etl.ask.diff import diff
    from etl.warehouse.connect import connect

__all__ = ["connect", "diff"]


def __getattr__(name: str) -> object:
    # Lazy, so that commands which ask no SQL do not pay for DuckDB.
    if name == "connect":
        from etl.warehouse.connect import connect

        return connect
    if name == "diff":
        from etl.ask.diff import diff

        return diff
    message = f"module 'etl' has no attribute {name!r}"
    raise AttributeError(message)
