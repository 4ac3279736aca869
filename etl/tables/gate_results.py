"""The table `gate_results`: what every contract of the gate said."""

from __future__ import annotations

from etl.model.schema import Table, parse_columns

TABLE = Table(
    name="gate_results",
    grain="One row per expectation of a suite",
    key=("suite", "expectation_id"),
    columns=parse_columns("""
        suite string Suite in expectations/contracts
        expectation_id string Id of the expectation in its suite
        expectation string The contract in words
        column string? Column that the contract judges
        severity string critical, warning or info
        success bool The contract holds
        n_checked int64? Rows that were judged
        n_failed int64? Rows that broke the contract
        observed string? What was seen
        failing_cases list<string> Cases (or keys) that broke the contract
    """),
    per="build",
)
