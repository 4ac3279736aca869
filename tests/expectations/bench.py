"""The tables of the small project in memory, to be broken and judged again and again."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pandas as pd

from etl import gate, gate_frames, gate_report, warehouse
from etl.diff.drift import read_reference
from etl.gate_report import Contract, GateReport
from etl.profile import load_profile


class Bench:
    """Tables in memory; judges only the suites whose frame a change touched."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.profile = load_profile(root)
        self.reference = read_reference(gate_report.read_recorded(root))
        self.rules = gate.make_rules(root, self.profile, self.reference)
        self.suites = gate_report.read_suites(root)
        self.connection = duckdb.connect()
        warehouse.build(self.connection, warehouse.working_tree(root), storage="table")
        gate_frames.hand_over(self.connection, self.profile, self.reference)
        self.frames = {name: self.frame(name) for name in self.suites}
        self.green = {name: self.suite(name, frame) for name, frame in self.frames.items()}

    def frame(self, name: str) -> pd.DataFrame:
        return gate_frames.read_frame(self.connection, self.root, name)

    def suite(
        self, name: str, frame: pd.DataFrame, rules: gate.Rules | None = None
    ) -> list[Contract]:
        rules = rules or self.rules
        results = gate.validate(self.root, name, frame, rules.parameters)
        return gate.judge_suite(name, self.suites[name], results, frame, rules)

    def judge(self, rules: gate.Rules | None = None) -> GateReport:
        contracts: list[Contract] = []
        for name, before in self.frames.items():
            frame = self.frame(name)
            same = frame.equals(before) and rules is None
            contracts += self.green[name] if same else self.suite(name, frame, rules)
        return GateReport(tuple(contracts))

    def judge_broken(self, sql: str) -> GateReport:
        self.connection.execute("begin")
        try:
            self.connection.execute(sql)
            return self.judge()
        finally:
            self.connection.execute("rollback")
