"""What differs between two versions, as rows of the queries that find it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Difference:
    """All that differs between two versions. Rows are ranked: the most unusual comes first.

    tables: table, n_old, n_new, n_added, n_removed, n_changed, columns, problem; every table.
    masks: as diff.mask_volumes, with dice, or dice_note where two cannot be laid over each other.
    coverage_rows: table, case_id, change, n_rows, unusual, keys: rows that came or went.
    coverage_cells, values: table, key, column, old, new, difference, spread, unusual.
    blobs: as diff.blob_changes.
    summaries: name, key, old, new: a view's rows, None where a version lacks it.
    """

    old: str
    new: str
    tables: Sequence[Row]
    masks: Sequence[Row]
    coverage_rows: Sequence[Row]
    coverage_cells: Sequence[Row]
    values: Sequence[Row]
    blobs: Sequence[Row]
    summaries: Sequence[Row]

    @property
    def is_different(self) -> bool:
        """Whether anything differs."""
        return bool(self.changed_tables) or any(s["old"] != s["new"] for s in self.summaries)

    @property
    def changed_tables(self) -> list[Row]:
        """The tables that differ in rows or columns, or that one version lacks."""
        return [table for table in self.tables if _is_changed(table)]

    def _repr_markdown_(self) -> str:
        """Return what a notebook shows: the markdown of `ispy1 diff`."""
        from etl.ask.diff.render import write_markdown

        return "".join(write_markdown(self))

    def as_json(self) -> Row:
        """Return everything for machines; infinite is null in `unusual`."""
        return {"is_different": self.is_different, **_drop_infinite(asdict(self))}


def _is_changed(table: Row) -> bool:
    counts = table["n_added"] + table["n_removed"] + table["n_changed"]
    is_one_sided = (table["n_old"] is None) != (table["n_new"] is None)
    return bool(counts or table["columns"] or table["problem"] or is_one_sided)


def _drop_infinite(value: Any) -> Any:  # noqa: ANN401  any record
    """Return a record without NaN and infinities, which JSON lacks: text in a cell, else null."""
    if isinstance(value, dict):
        return {
            name: str(item) if name in ("old", "new") and _is_odd(item) else _drop_infinite(item)
            for name, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [_drop_infinite(item) for item in value]
    return None if _is_odd(value) else value


def _is_odd(value: object) -> bool:
    return isinstance(value, float) and not math.isfinite(value)
