"""No infinite number and no NaN in a table: what arithmetic cannot hold is null, and a finding."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from etl.model.findings import Finding
from etl.model.schema import TableSchema
from etl.tables.unit import Row


def drop_nonfinite(schema: TableSchema, rows: pa.Table) -> tuple[pa.Table, list[Finding]]:
    """Return rows with null in place of NaN and infinities, and a finding per case and column.

    Args:
        schema: the table.
        rows: all of its columns, or those that a unit has.
    """
    findings: list[Finding] = []
    for column in schema.columns:
        if column.kind != "double" or not column.nullable or column.name not in rows.column_names:
            continue
        is_finite = pc.fill_null(pc.is_finite(rows[column.name]), fill_value=True)
        if pc.all(is_finite, min_count=0).as_py():
            continue
        wrong = rows.filter(pc.invert(is_finite)).to_pylist()
        cases = dict.fromkeys(row.get("case_id") for row in wrong)
        findings += [
            _report_nonfinite(
                schema, case, column.name, [r for r in wrong if r.get("case_id") == case]
            )
            for case in cases
        ]
        values = pc.if_else(is_finite, rows[column.name], pa.scalar(None, pa.float64()))
        rows = rows.set_column(rows.column_names.index(column.name), column.name, values)
    return rows, findings


def _report_nonfinite(
    schema: TableSchema, case_id: str | None, column: str, rows: list[Row]
) -> Finding:
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
