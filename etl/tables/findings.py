"""The table `findings`: the union of what every table found."""

from __future__ import annotations

from etl.model.schema import Table, parse_columns

TABLE = Table(
    name="findings",
    grain="One row per thing that is wrong",
    key=("finding_id",),
    columns=parse_columns("""
        finding_id string Hash of table, case, path and check
        table string Table that the input would have fed
        severity string critical, warning or info
        case_id string? The case, where one is concerned
        path string? Path inside the release, where a file is concerned
        check string Short name of the rule that was broken
        observed string What was seen
        expected string What was expected
        likely_cause string What most often leads to this
        fix string What to do next
    """),
    per="build",
    references={"case_id": "cases"},
)
