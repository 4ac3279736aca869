"""The contracts that must exist: a committed list, so that one that is gone is missed.

A suite is a file that anybody can shorten, and a gate that has fewer contracts is greener. So the
list in expectations/contracts.csv is written by a command, and its change is a diff to review.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from etl.gate.report import GONE, GONE_FIX, Contract, read_suites
from etl.model.errors import UserError
from etl.model.store import write_atomically

LIST = "expectations/contracts.csv"
COLUMNS = ("suite", "expectation_id", "notes")
Key = tuple[str, str]  # suite and expectation id
Suites = Mapping[str, Sequence[Mapping[str, Any]]]


def accept_contracts(root: Path) -> int:
    """Write the list of the contracts that the suites hold now; return their number."""
    held = _held(read_suites(root))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([COLUMNS, *((*key, notes) for key, notes in sorted(held.items()))])
    write_atomically(root / LIST, lambda path: path.write_text(text.getvalue(), encoding="utf-8"))
    return len(held)


def read_accepted(root: Path) -> dict[Key, str]:
    """Return the notes of every contract that must exist.

    Raises:
        UserError: the list is missing, or is none.
    """
    path = root / LIST
    try:
        rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"))))
        return {(row["suite"], row["expectation_id"]): row["notes"] for row in rows}
    except (OSError, UnicodeDecodeError, KeyError, csv.Error) as error:
        message = (
            f"{path}: is no list of contracts ({error!r}). Restore it with git checkout, or write "
            "it with `ispy1 gate --accept-contracts` and review the diff."
        )
        raise UserError(message) from error


def find_gone(root: Path, suites: Suites) -> Iterator[Contract]:
    """One broken critical contract for each that must exist and that no suite holds."""
    held = _held(suites)
    for (suite, identity), notes in read_accepted(root).items():
        if (suite, identity) not in held:
            yield Contract(
                suite, identity, notes, None, "critical",
                success=False, n_checked=0, n_failed=0, observed=GONE, failing_cases=(),
                fix=GONE_FIX,
            )  # fmt: skip


def describe_unlisted(root: Path) -> list[str]:
    """Return what to say of contracts that the suites hold and the list does not."""
    accepted = read_accepted(root)
    more = [
        f"{key[0]}: {note}" for key, note in _held(read_suites(root)).items() if key not in accepted
    ]
    if not more:
        return []
    said = f"{len(more)} contract(s) more than {LIST} lists: {_shortened(more)}."
    return [f"{said} Review them, then `ispy1 gate --accept-contracts`."]


def _shortened(notes: Sequence[str], n_shown: int = 3) -> str:
    rest = f"; and {len(notes) - n_shown} more" if len(notes) > n_shown else ""
    return "; ".join(notes[:n_shown]) + rest


def _held(suites: Mapping[str, Iterable[Mapping[str, Any]]]) -> dict[Key, str]:
    return {(name, e["id"]): e["notes"] for name, found in suites.items() for e in found}
