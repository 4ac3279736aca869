"""One content in two places: images or masks that hold the same voxels."""

from __future__ import annotations

from collections import defaultdict

import polars as pl

from etl.model.errors import Severity
from etl.model.findings import Finding
from etl.tables.unit import Row

_SHOWN = 3


def find_copies(
    table: str, severity: Severity, rows: pl.DataFrame, own_sets: frozenset[str] = frozenset()
) -> list[Finding]:
    """Return a finding for every file whose voxels another file holds too.

    Compared is `voxel_digest`, so packing and header do not matter. Which of them is the copy,
    nobody can tell: each is named. A declared mask is not told of a copy in a mask set of the
    user's own (`own_sets`): only the latter can be wrong.
    """
    doubles = rows.filter(pl.col("voxel_digest").is_duplicated()).sort("path")
    groups = defaultdict[str, list[Row]](list)
    for row in doubles.iter_rows(named=True):
        groups[row["voxel_digest"]].append(row)
    findings = []
    for group in groups.values():
        for row in group:
            is_own = row.get("mask") in own_sets
            others = [
                o["path"]
                for o in group
                if o is not row and (is_own or o.get("mask") not in own_sets)
            ]
            if others:
                findings.append(_report_copy(table, severity, row, others))
    return findings


def _report_copy(table: str, severity: Severity, row: Row, others: list[str]) -> Finding:
    more = f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
    return Finding(
        table=table,
        severity=severity,
        check="same_voxels",
        observed=f"the same voxels as {', '.join(others[:_SHOWN])}{more}",
        expected="voxels of its own",
        likely_cause="a file copied or saved under the name of another",
        fix="Find out which of them is right; download or make the other again, and adopt it.",
        case_id=row["case_id"],
        path=row["path"],
    )
