"""The tables of the small project in memory, to be broken and judged again and again."""

from __future__ import annotations

import csv
import re
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

import duckdb
import pandas as pd

from etl.gate import engine, frames, judge, report
from etl.gate.drift import read_reference
from etl.gate.report import Contract, GateReport
from etl.gate.suites import read_suites
from etl.model.profile import load_profile
from etl.warehouse import connect

A = "ISPY1_9001"


class Break(NamedTuple):
    """SQL that breaks one contract, the start of its words, its severity, what it must name."""

    suite: str
    words: str
    severity: str
    case: str
    sql: str


def _read_breaks() -> tuple[Break, ...]:
    """Return the breaks: a file per suite, a line per break."""
    return tuple(
        Break(path.stem, **row)
        for path in sorted(Path(__file__).parent.glob("breaks/*.csv"))
        for row in csv.DictReader(path.read_text("utf-8").splitlines())
    )


BREAKS = _read_breaks()


def open_tables(root: Path) -> duckdb.DuckDBPyConnection:
    """Return the tables of a project in memory, as the frames read them."""
    connection = duckdb.connect(config={"threads": 1})  # more cost more, on tables of some rows
    connect.build(connection, connect.take_working_tree(root), storage="table")
    reference = read_reference(report.read_recorded(root))
    frames.hand_over(connection, load_profile(root), reference)
    return connection


class Bench:
    """Tables in memory; judges only the suites whose frame a change touched."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.profile = load_profile(root)
        self.reference = read_reference(report.read_recorded(root))
        self.rules = judge.make_rules(root, self.profile, self.reference)
        self.suites = read_suites(root)
        self.connection = open_tables(root)
        self.frames = {name: self.frame(name) for name in self.suites}
        self.green = {name: self.suite(name, frame) for name, frame in self.frames.items()}
        self.reads = {name: self.named_in(name) for name in self.suites}

    def frame(self, name: str) -> pd.DataFrame:
        return frames.read_frame(self.connection, self.root, name, self.profile)

    def suite(
        self, name: str, frame: pd.DataFrame, rules: judge.Rules | None = None
    ) -> list[Contract]:
        rules = rules or self.rules
        results = engine.validate(self.root, name, self.suites[name], frame, rules.parameters)
        return judge.judge_suite(name, self.suites[name], results, frame, rules)

    def named_in(self, suite: str) -> set[str]:
        """Every word of a frame's query and of the views in it: no table that it reads lacks."""
        query = "select view_name, sql from duckdb_views() where not internal"
        views = dict(self.connection.execute(query).fetchall())
        names: set[str] = set()
        left = words_of((self.root / frames.FRAMES / f"{suite}.sql").read_text())
        while left:
            names |= left
            left = {word for view in left & views.keys() for word in words_of(views[view])} - names
        return names

    def judge_broken(self, sql: str, but: Collection[str] = ()) -> GateReport:
        """Judge all suites `but` these after a change of the tables that the SQL names."""
        contracts: list[Contract] = []
        self.connection.execute("begin")
        try:
            self.connection.execute(sql)
            tables = self.connection.execute("select table_name from duckdb_tables()").fetchall()
            touched = words_of(sql) & {name for (name,) in tables}
            for name in [name for name in self.suites if name not in but]:
                frame = self.frame(name) if touched & self.reads[name] else self.frames[name]
                is_same = frame.equals(self.frames[name])
                contracts += self.green[name] if is_same else self.suite(name, frame)
            return GateReport(tuple(contracts))
        finally:
            self.connection.execute("rollback")


def words_of(sql: str) -> set[str]:
    return set(re.findall(r"\w+", sql))
