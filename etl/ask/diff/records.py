"""What differs between two versions, as records."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class MaskChange:
    """A mask that was added, removed, or has another volume or other voxels. Volumes in cm3.

    `dice` is null with a reason in `dice_note` where the two cannot be laid over each other.
    """

    case_id: str
    mask: str
    change: str
    old_cm3: float | None
    new_cm3: float | None
    difference_cm3: float | None
    difference_percent: float | None
    unusual: float | None
    path: str
    old_path: str | None
    old_md5: str | None
    new_path: str | None
    new_md5: str | None
    dice: float | None = None
    dice_note: str | None = None


@dataclass(frozen=True, slots=True)
class BlobChange:
    """A file: `content`, `packaging only` (equal when unpacked), `moved`, `added`, `removed`."""

    path: str
    change: str
    artefact: str | None
    case_id: str | None
    old_path: str | None
    old_md5: str | None
    old_bytes: int | None
    new_path: str | None
    new_md5: str | None
    new_bytes: int | None


@dataclass(frozen=True, slots=True)
class CellChange:
    """A changed cell of a row that both versions have; `unusual` as `views` defines it."""

    table: str
    key: Mapping[str, Any]
    column: str
    old: Any
    new: Any
    difference: float | None
    spread: float | None
    unusual: float | None


@dataclass(frozen=True, slots=True)
class RowsChange:
    """Rows of one table and case that were added or removed."""

    table: str
    case_id: str | None
    change: str
    n_rows: int
    unusual: float
    keys: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class TableChange:
    """Row counts of one table; `columns`: name, change, old and new type."""

    table: str
    n_old: int | None
    n_new: int | None
    n_added: int
    n_removed: int
    n_changed: int
    columns: tuple[Mapping[str, str | None], ...]
    problem: str | None

    @property
    def is_different(self) -> bool:
        """Whether anything differs."""
        counts = self.n_added + self.n_removed + self.n_changed
        one_sided = (self.n_old is None) != (self.n_new is None)
        return bool(counts or self.columns or self.problem or one_sided)


@dataclass(frozen=True, slots=True)
class Summary:
    """A summarising view before and after, row by row of its key; null where it is not built."""

    name: str
    key: str
    old: tuple[Row, ...] | None
    new: tuple[Row, ...] | None


@dataclass(frozen=True, slots=True)
class Difference:
    """All that differs between two versions. Lists are ranked: the most unusual comes first."""

    old: str
    new: str
    tables: tuple[TableChange, ...]
    masks: tuple[MaskChange, ...]
    coverage_rows: tuple[RowsChange, ...]
    coverage_cells: tuple[CellChange, ...]
    values: tuple[CellChange, ...]
    blobs: tuple[BlobChange, ...]
    summaries: tuple[Summary, ...]

    @property
    def is_different(self) -> bool:
        """Whether anything differs."""
        tables = any(table.is_different for table in self.tables)
        return tables or any(s.old != s.new for s in self.summaries)

    def as_json(self) -> Row:
        """For machines: everything; infinite is null in `unusual`."""
        return {"is_different": self.is_different, **_finite(asdict(self))}


def _finite(value: Any) -> Any:  # noqa: ANN401  any record
    """A record without NaN and infinities, which JSON lacks: text in a cell, else null."""
    if isinstance(value, dict):
        return {
            name: str(item) if name in ("old", "new") and _is_odd(item) else _finite(item)
            for name, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if _is_odd(value) else value


def _is_odd(value: object) -> bool:
    return isinstance(value, float) and not math.isfinite(value)
