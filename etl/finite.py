"""No infinite number and no NaN in a table: what arithmetic cannot hold is null, and a finding."""

from __future__ import annotations

import math
from typing import Any

from etl.findings import Finding
from etl.schema import TableSchema
from etl.unit import Measured, Row


def drop_nonfinite(schema: TableSchema, found: Measured) -> Measured:
    """Return rows with null in place of NaN and infinities, and a finding per case and column."""
    columns = [c.name for c in schema.columns if c.kind == "double" and c.nullable]
    lost: dict[tuple[str | None, str], list[Row]] = {}
    rows: list[Row] = []
    for row in found.rows:
        wrong = [name for name in columns if _is_nonfinite(row.get(name))]
        for name in wrong:
            lost.setdefault((row.get("case_id"), name), []).append(row)
        rows.append({**row, **dict.fromkeys(wrong)} if wrong else row)
    told = [_finding(schema, *at, wrong) for at, wrong in lost.items()]
    return Measured(rows, [*found.findings, *told])


def _is_nonfinite(value: Any) -> bool:  # noqa: ANN401  a cell is of any type
    return isinstance(value, float) and not math.isfinite(value)


def _finding(schema: TableSchema, case_id: str | None, column: str, rows: list[Row]) -> Finding:
    first = rows[0]
    key = [f"{name} {first[name]}" for name in schema.key if name != "case_id" and name in first]
    where = f", first at {', '.join(key)}" if key else ""
    return Finding(
        table=schema.name,
        severity="warning",
        check=f"not_finite:{column}",
        observed=f"{column} is {first[column]} in {len(rows)} row(s){where}",
        expected="a number that arithmetic of 64 bits holds",
        likely_cause="a value near 1e308 in the input",
        fix="The value is null: look at the input, and adopt a right one.",
        case_id=case_id,
    )
