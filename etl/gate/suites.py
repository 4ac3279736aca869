"""The contracts: expectations/contracts/<suite>.yaml, made into Great Expectations' own form.

    there_is: an image to judge     # "There is an image to judge": made for every suite
    known: [n_nonfinite]            # columns without a null; `item` is one in every suite
    fix: Download the file again.   # of the contracts below that state none
    contracts:
    - notes: No tumour is larger than {volume_cm3_max} cm3
      expect_column_values_to_be_between: {column: volume_cm3, max_value: $volume_cm3_max}

`$name` is a threshold of the profile: its number and its severity hold. `threshold` names one that
the frame applies. Else a contract is critical, or what its `severity` states.
An id outlives the words in the history of gate_results. So expectations/contracts.csv has the id of
every contract by its words, and a contract that is not listed yet has one that follows from them.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from etl.model import project
from etl.model.errors import SEVERITIES, UserError

SUITES = "expectations/contracts"
LIST = "expectations/contracts.csv"
ITEM = "item"  # the column of every frame that says what a row is about
FIX = (
    "Run `ispy1 repro`; a table without a row means that its files are missing or unreadable: see "
    "the findings."
)
NO_FIX = "See what the contract judges: it names no fix."
_OF_SUITE = ("notes", "there_is", "known", "fix", "contracts")
_META = frozenset({"fix", "threshold", "shows", "field", "field_column"})
_OF_CONTRACT = _META | {"notes", "severity"}

Expectation = Mapping[str, Any]
Key = tuple[str, str]  # suite and expectation id


def read_suites(root: Path) -> dict[str, list[Expectation]]:
    """Return the expectations of every suite, as Great Expectations' own JSON has them.

    Raises:
        UserError: there is no suite, or a file does not have the form of one.
    """
    paths = sorted((root / SUITES).glob("*.yaml"))
    if not paths:
        message = f"{root / SUITES}: holds no suite. Restore the folder with git checkout."
        raise UserError(message)
    ids = {(suite, words): identity for (suite, identity), words in read_accepted(root).items()}
    return {path.stem: _read(path, ids) for path in paths}


def read_notes(root: Path, suite: str) -> str | None:
    """Return what a suite is about."""
    return project.read_yaml(root / SUITES / f"{suite}.yaml").get("notes")


def read_accepted(root: Path) -> dict[Key, str]:
    """Return the words of every contract that must exist.

    Raises:
        UserError: the list is missing, or is none.
    """
    path = root / LIST
    try:
        rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"))))
        return {(row["suite"], row["expectation_id"]): row["notes"] for row in rows}
    except (OSError, UnicodeDecodeError, KeyError, csv.Error) as error:
        message = f"{path}: is no list of contracts ({error!r}). Restore it with git checkout."
        raise UserError(message) from error


def make_id(suite: str, words: str) -> str:
    """Return the id of a contract that is not listed yet."""
    return str(uuid5(make_suite_id(suite), words))


def make_suite_id(suite: str) -> UUID:
    """Return the id of a suite."""
    return uuid5(NAMESPACE_URL, f"ispy1/{suite}")


def _read(path: Path, ids: Mapping[Key, str]) -> list[Expectation]:
    expectations = list(_expand(path, ids))
    ((words, n_times),) = Counter(e["notes"] for e in expectations).most_common(1)
    if n_times > 1:
        message = f"{path}: {words!r} stands twice. Give every contract words of its own."
        raise UserError(message)
    return expectations


def _expand(path: Path, ids: Mapping[Key, str]) -> Iterator[Expectation]:
    suite, content = path.stem, project.read_yaml(path)
    not_null, contracts = (content.get(name) or [] for name in ("known", "contracts"))
    is_listed = isinstance(not_null, list) and isinstance(contracts, list)
    if set(content) - set(_OF_SUITE) or not is_listed:
        message = (
            f"{path}: holds {', '.join(map(str, content))}; expected what it needs of "
            f"{', '.join(_OF_SUITE)}, known and contracts as lists. Correct it."
        )
        raise UserError(message)
    for stated in (*_make_common_contracts(suite, content), *contracts):
        expectation = _make_expectation(path, stated, content.get("fix", NO_FIX))
        words = expectation["notes"]
        yield {"id": ids.get((suite, words)) or make_id(suite, words), **expectation}


def _make_common_contracts(suite: str, content: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the contracts that every suite has: there are rows, and columns without a null."""
    rows = {"expect_table_row_count_to_be_between": {"min_value": 1}}
    yield {"notes": f"There is {content.get('there_is', 'a row to judge')}", "fix": FIX, **rows}
    for column in (ITEM, *(content.get("known") or ())):
        not_null = {"expect_column_values_to_not_be_null": {"column": column}}
        yield {"notes": f"{suite}: {column} is known in every row", "fix": FIX, **not_null}


def _make_expectation(path: Path, stated: Any, fix: str) -> Expectation:  # noqa: ANN401  as YAML has it
    stated = stated if isinstance(stated, dict) else {"notes": stated}
    types = [name for name in stated if name not in _OF_CONTRACT]
    if len(types) != 1 or not isinstance(stated[types[0]], dict):
        raise UserError(_refuse(path, stated))
    kwargs = {name: _parse_parameter(value) for name, value in stated[types[0]].items()}
    used = [v["$PARAMETER"] for v in kwargs.values() if isinstance(v, dict) and "$PARAMETER" in v]
    stated = {"fix": fix, **({"threshold": used[0]} if used else {}), **stated}
    meta = {name: value for name, value in stated.items() if name in _META}
    words, severity = stated.get("notes"), stated.get("severity", "critical")
    is_twice = "severity" in stated and "threshold" in meta
    if not isinstance(words, str) or severity not in SEVERITIES or is_twice:
        raise UserError(_refuse(path, stated))
    return {"type": types[0], "kwargs": kwargs, "severity": severity, "notes": words, "meta": meta}


def _refuse(path: Path, stated: object) -> str:
    return (
        f"{path}: {stated} is no contract; expected notes (what it says), one expectation of Great "
        "Expectations with its arguments, such as `expect_column_values_to_be_unique: {column: "
        "item}`, and of fix, shows, threshold, field, field_column and severity what it needs; "
        "with a threshold, the profile states the severity."
    )


def _parse_parameter(value: object) -> object:
    is_named = isinstance(value, str) and re.fullmatch(r"\$\w+", value)
    return {"$PARAMETER": str(value)[1:]} if is_named else value
