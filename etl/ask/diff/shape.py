"""What the tables of two versions look like: keys, columns, types, and what differs in these."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import duckdb

from etl.ask.diff.sql_text import load_sql
from etl.model.errors import UserError
from etl.warehouse.connect import quoted

CASE = "case_id"
_KEY = re.compile(r"Grain: .*\. Key: ([^.]+)\.", re.DOTALL)
Columns = dict[str, str]  # name -> DuckDB type


@dataclass(frozen=True, slots=True)
class Side:
    """A version in a connection: its catalog, and its tables with key and columns.

    `with_parts`: those of one file per case.
    """

    catalog: str
    tables: Mapping[str, tuple[tuple[str, ...], Columns]]
    with_parts: frozenset[str]


@dataclass(frozen=True, slots=True)
class Pair:
    """One table at two versions; a side without it has no columns."""

    name: str
    key: tuple[str, ...]
    old: Columns
    new: Columns
    old_source: str
    new_source: str
    problem: str | None = None
    has_parts: bool = False

    @property
    def group(self) -> tuple[str, ...]:
        """The key apart from the case: rows that share it are of one kind and one spread."""
        return tuple(name for name in self.key if name != CASE) if CASE in self.key else ()

    @property
    def common(self) -> tuple[str, ...]:
        """The columns of both versions, without the key."""
        old = self.old or self.new
        return tuple(n for n in self.new or old if n in old and n not in self.key)

    @property
    def values(self) -> tuple[str, ...]:
        """The columns of either version, without the key."""
        return tuple(n for n in {**self.old, **self.new} if n not in self.key)

    def list_column_changes(self) -> Iterator[tuple[str, str, str | None, str | None]]:
        """Yield column, `added`, `removed` or `retyped`, and both types, of a table of both."""
        if not self.old or not self.new:
            return
        for name in {**self.old, **self.new}:
            before, after = self.old.get(name), self.new.get(name)
            if before != after:
                change = "retyped" if before and after else "removed" if before else "added"
                yield name, change, before, after


def read_side(connection: duckdb.DuckDBPyConnection, catalog: str) -> Side:
    """Read the tables of a catalog but those without a documented key: they are the user's own."""
    parameters = {"catalog": catalog}
    columns: dict[str, Columns] = {}
    for table, name, kind in connection.execute(load_sql("list_columns"), parameters).fetchall():
        columns.setdefault(table, {})[name] = kind
    tables: dict[str, tuple[tuple[str, ...], Columns]] = {}
    with_parts: set[str] = set()
    listed = connection.execute(load_sql("list_tables"), parameters).fetchall()
    for table, comment, has_parts in listed:
        match = _KEY.search(comment or "")
        if match:
            key = tuple(name.strip() for name in match[1].split(","))
            tables[table] = (key, columns[table])
            with_parts |= {table} if has_parts else set()
    return Side(catalog, tables, frozenset(with_parts))


def pair_tables(old: Side, new: Side) -> list[Pair]:
    """Return the tables of either version."""
    return [_make_pair(name, old, new) for name in sorted({*old.tables, *new.tables})]


def _make_pair(name: str, old: Side, new: Side) -> Pair:
    old_key, old_columns = old.tables.get(name, ((), {}))
    new_key, new_columns = new.tables.get(name, ((), {}))
    sources = {side.catalog: _name_table(side, name) for side in (old, new)}
    pair = Pair(
        name=name,
        key=new_key or old_key,
        old=old_columns,
        new=new_columns,
        # A table that one version lacks is there without a row.
        old_source=sources[old.catalog] or f"(from {sources[new.catalog]} limit 0)",
        new_source=sources[new.catalog] or f"(from {sources[old.catalog]} limit 0)",
        has_parts=name in old.with_parts | new.with_parts,
    )
    if old_key and new_key and old_key != new_key:
        words = f"its key was {', '.join(old_key)} and is {', '.join(new_key)}"
        return replace(pair, problem=words)
    return pair


def _name_table(side: Side, name: str) -> str:
    return f"{quoted(side.catalog)}.main.{quoted(name)}" if name in side.tables else ""


def refuse_duplicates(
    connection: duckdb.DuckDBPyConnection, tables: Sequence[Pair], names: tuple[str, str]
) -> None:
    """Refuse tables in which two rows have one key: nothing could say which of them changed.

    Raises:
        UserError: there is one.
    """
    query = load_sql("find_duplicates", tables=tables, names=names)
    duplicate = connection.execute(query).fetchone()
    if duplicate:
        name, side, repeated = duplicate
        message = (
            f"{side}: {name} has more than one row with the key {repeated.strip('[]')}, so that "
            "rows cannot be compared. Run `ispy1 repro --force`."
        )
        raise UserError(message)
