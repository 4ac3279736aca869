"""The two exceptions of the project: one for a person, one for a table."""

from __future__ import annotations

from typing import Literal, get_args

Severity = Literal["critical", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)  # the worst first


class UserError(Exception):
    """A command cannot go on; the message is a sentence that says what to do next.

    The command line prints it as one line and exits with 2.
    """


class BadInputError(Exception):
    """One input cannot be used. It becomes a finding; the rest of the build goes on."""

    def __init__(
        self,
        check: str,
        *,
        observed: str,
        expected: str,
        likely_cause: str,
        fix: str,
        severity: Severity = "critical",
    ) -> None:
        """Take the parts of the finding that this input becomes."""
        super().__init__(f"{check}: {observed} (expected {expected})")
        self.check = check
        self.observed = observed
        self.expected = expected
        self.likely_cause = likely_cause
        self.fix = fix
        self.severity: Severity = severity
