"""known_issues.csv: faults of the publisher's own, so that they do not stop a build."""

from __future__ import annotations

import csv
from pathlib import Path

PATH = "expectations/known_issues.csv"


def read_known_issues(root: Path) -> dict[tuple[str, str], str]:
    """Return (case, field) -> note."""
    path = root / PATH
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8-sig", newline="") as file:
        return {(row["case_id"], row["field"]): row["note"] for row in csv.DictReader(file)}
