"""known_issues.csv: faults of the publisher's own, so that they do not stop a build."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

PATH = "expectations/known_issues.csv"


def known_issues(root: Path) -> dict[tuple[str, str], str]:
    """(case, field) -> note."""
    path = root / PATH
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8-sig", newline="") as file:
        return {(row["case_id"], row["field"]): row["note"] for row in csv.DictReader(file)}


def softened(row: dict[str, Any], known: dict[tuple[str, str], str]) -> dict[str, Any]:
    """A finding's row, as info where its case and field are known.

    The field is what stands behind the colon of its check, as in `undocumented_code:race_id`.
    """
    note = known.get((row["case_id"] or "", row["check"].partition(":")[2]))
    return {**row, "severity": "info", "fix": f"Known issue: {note}"} if note else row
