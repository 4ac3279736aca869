"""A finding: one thing that is wrong, with the case, the path and the way out."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from typing import Any

from etl.model.errors import BadInputError, Severity


@dataclass(frozen=True, slots=True)
class Finding:
    """One row of `findings`, without its id."""

    table: str
    severity: Severity
    check: str
    observed: str
    expected: str
    likely_cause: str
    fix: str
    case_id: str | None = None
    path: str | None = None

    @property
    def finding_id(self) -> str:
        """First 16 hex digits of the SHA-256 of table, case, path and check."""
        parts = (self.table, self.case_id or "", self.path or "", self.check)
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]

    def row(self) -> dict[str, Any]:
        """Return the row of the table `findings`."""
        return {"finding_id": self.finding_id, **asdict(self)}


def make_finding(
    table: str, error: BadInputError, *, case_id: str | None = None, path: str | None = None
) -> Finding:
    """Return the finding that a refused input becomes."""
    return Finding(
        table=table,
        severity=error.severity,
        check=error.check,
        observed=error.observed,
        expected=error.expected,
        likely_cause=error.likely_cause,
        fix=error.fix,
        case_id=case_id,
        path=path,
    )
