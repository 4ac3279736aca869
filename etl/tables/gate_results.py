"""The table `gate_results`: what every contract of the gate said."""

from __future__ import annotations

from etl.schema import Column, TableSchema, optional

SCHEMA = TableSchema(
    name="gate_results",
    grain="One row an expectation of a suite",
    key=("suite", "expectation_id"),
    columns=(
        Column("suite", "string", "Suite in expectations/suites"),
        Column("expectation_id", "string", "Id of the expectation in its suite"),
        Column("expectation", "string", "The contract in words"),
        optional("column", "string", "Column that the contract judges"),
        Column("severity", "string", "critical, warning or info"),
        Column("success", "bool", "The contract holds"),
        optional("n_checked", "int64", "Rows that were judged"),
        optional("n_failed", "int64", "Rows that broke the contract"),
        optional("observed", "string", "What was seen"),
        Column("failing_cases", "list<string>", "Cases (or keys) that broke the contract"),
    ),
)
