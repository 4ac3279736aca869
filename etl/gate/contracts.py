"""The contracts that must exist: a committed list, so that one that is gone is missed.

A suite is a file that anybody can shorten, and a gate that has fewer contracts is greener. So the
list in expectations/contracts.csv is written by a command, and its change is a diff to review.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from etl.gate.report import GONE, GONE_FIX, Contract
from etl.gate.suites import LIST, Expectation, Key, read_accepted, read_suites
from etl.model.store import write_text
from etl.text.output import format_csv

COLUMNS = ("suite", "expectation_id", "notes")
Suites = Mapping[str, Sequence[Expectation]]


def accept_contracts(root: Path) -> int:
    """Write the list of the contracts that the suites hold now; return their number."""
    notes = _list_notes(read_suites(root))
    rows = [(*key, words) for key, words in sorted(notes.items())]
    write_text(root / LIST, "".join(format_csv(COLUMNS, rows)))
    return len(rows)


def find_gone(root: Path, suites: Suites) -> Iterator[Contract]:
    """Yield one broken critical contract for each that must exist and that no suite holds."""
    present = _list_notes(suites)
    for (suite, identity), notes in read_accepted(root).items():
        if (suite, identity) not in present:
            yield Contract(
                suite, identity, notes, None, "critical",
                success=False, n_checked=0, n_failed=0, observed=GONE, failing=(),
                fix=GONE_FIX,
            )  # fmt: skip


def describe_unlisted(root: Path) -> list[str]:
    """Return what to say of contracts that the suites hold and the list does not."""
    accepted = read_accepted(root)
    notes = _list_notes(read_suites(root))
    unlisted = [f"{key[0]}: {words}" for key, words in notes.items() if key not in accepted]
    if not unlisted:
        return []
    message = f"{len(unlisted)} contract(s) more than {LIST} lists: {_shorten(unlisted)}."
    return [f"{message} Review them, then `ispy1 gate --accept-contracts`."]


def _shorten(notes: Sequence[str], n_shown: int = 3) -> str:
    rest = f"; and {len(notes) - n_shown} more" if len(notes) > n_shown else ""
    return "; ".join(notes[:n_shown]) + rest


def _list_notes(suites: Suites) -> dict[Key, str]:
    return {
        (name, e["id"]): e["notes"] for name, expectations in suites.items() for e in expectations
    }
