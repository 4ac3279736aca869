"""ispy1: a data-versioned analytics warehouse over a release of breast DCE-MRI blobs.

`etl.connect()` opens the tables and the views of the current project in DuckDB.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from etl.warehouse.connect import connect

__all__ = ["connect"]


def __getattr__(name: str) -> object:
    # Lazy, so that commands which ask no SQL do not pay for DuckDB.
    if name == "connect":
        from etl.warehouse.connect import connect

        return connect
    message = f"module 'etl' has no attribute {name!r}"
    raise AttributeError(message)
