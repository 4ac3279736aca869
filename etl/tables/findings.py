"""The table `findings`: the union of what every table found."""

from __future__ import annotations

from etl.schema import Column, TableSchema, optional

SCHEMA = TableSchema(
    name="findings",
    grain="One row a thing that is wrong",
    key=("finding_id",),
    columns=(
        Column("finding_id", "string", "Hash of table, case, path and check"),
        Column("table", "string", "Table that the input would have fed"),
        Column("severity", "string", "critical, warning or info"),
        optional("case_id", "string", "The case, where one is concerned"),
        optional("path", "string", "Path inside the release, where a file is concerned"),
        Column("check", "string", "Short name of the rule that was broken"),
        Column("observed", "string", "What was seen"),
        Column("expected", "string", "What was expected"),
        Column("likely_cause", "string", "What most often leads to this"),
        Column("fix", "string", "What to do next"),
    ),
)
