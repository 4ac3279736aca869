"""The contracts that must exist: a committed list, so that one that is gone is missed.

A suite is a file that anybody can shorten, and a gate that has fewer contracts is greener. So the
list in expectations/contracts.csv is written by a command, and its change is a diff to review.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from etl.gate.report import GONE, GONE_FIX, Contract
from etl.gate.suites import LIST, Expectation, Key, read_accepted, read_suites
from etl.model.store import write_atomically

COLUMNS = ("suite", "expectation_id", "notes")
Suites = Mapping[str, Sequence[Expectation]]


def accept_contracts(root: Path) -> int:
    """Write the list of the contracts that the suites hold now; return their number."""
    held = _read_held(read_suites(root))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([COLUMNS, *((*key, notes) for key, notes in sorted(held.items()))])
    write_atomically(root / LIST, lambda path: path.write_text(text.getvalue(), encoding="utf-8"))
    return len(held)


def find_gone(root: Path, suites: Suites) -> Iterator[Contract]:
    """Yield one broken critical contract for each that must exist and that no suite holds."""
    held = _read_held(suites)
    for (suite, identity), notes in read_accepted(root).items():
        if (suite, identity) not in held:
            yield Contract(
                suite, identity, notes, None, "critical",
                success=False, n_checked=0, n_failed=0, observed=GONE, failing=(),
                fix=GONE_FIX,
            )  # fmt: skip


def describe_unlisted(root: Path) -> list[str]:
    """Return what to say of contracts that the suites hold and the list does not."""
    accepted = read_accepted(root)
    more = [
        f"{key[0]}: {note}"
        for key, note in _read_held(read_suites(root)).items()
        if key not in accepted
    ]
    if not more:
        return []
    message = f"{len(more)} contract(s) more than {LIST} lists: {_shorten(more)}."
    return [f"{message} Review them, then `ispy1 gate --accept-contracts`."]


def _shorten(notes: Sequence[str], n_shown: int = 3) -> str:
    rest = f"; and {len(notes) - n_shown} more" if len(notes) > n_shown else ""
    return "; ".join(notes[:n_shown]) + rest


def _read_held(suites: Suites) -> dict[Key, str]:
    return {
        (name, e["id"]): e["notes"] for name, expectations in suites.items() for e in expectations
    }
