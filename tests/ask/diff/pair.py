"""Two versions of small tables in memory, as a warehouse with another version attached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb

from etl.ask.diff import add_views
from etl.warehouse.connect import quoted

Row = tuple[Any, ...]
Table = tuple[Mapping[str, str], Sequence[Row]]  # column -> type, and rows
KEY = ("case_id", "mask")
NAMES = ("v1", "v2")


class Pair:
    """A connection whose two versions are set again and again."""

    def __init__(self) -> None:
        self.connection = duckdb.connect()
        self.connection.execute("attach ':memory:' as old")

    def set(
        self, old: Table | None, new: Table | None, name: str = "t", key: Sequence[str] = KEY
    ) -> Pair:
        self.connection.execute("drop schema if exists diff cascade")
        for catalog, table in (("old", old), ("memory", new)):
            self.connection.execute(f"drop table if exists {catalog}.main.{name}")
            if table:
                self.make(f"{catalog}.main.{name}", table, key)
        add_views(self.connection, names=NAMES)
        return self

    def make(self, name: str, table: Table, key: Sequence[str]) -> None:
        columns, rows = table
        listed = ", ".join(f"{quoted(column)} {kind}" for column, kind in columns.items())
        self.connection.execute(f"create table {name} ({listed})")
        comment = f"Grain: One row per thing. Key: {', '.join(key)}."
        self.connection.execute(f"comment on table {name} is '{comment}'")
        if rows:
            marks = ", ".join("?" for _ in columns)
            self.connection.executemany(f"insert into {name} values ({marks})", rows)

    def ask(self, sql: str) -> list[Row]:
        return self.connection.execute(sql).fetchall()

    def cells(self, name: str = "t") -> list[Row]:
        return self.ask(f'from diff.{name} order by case_id, mask, "column"')
