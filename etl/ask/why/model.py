"""What `ispy1 why` says about one value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class BlobFact:
    """A blob behind a value: what it is for, its MD5, the publisher's word, and where it lies.

    `verdict` is that of the table `blobs`. `in_remote` is None where it was not asked.
    """

    path: str
    role: str
    md5: str | None
    publisher_md5: str | None
    verdict: str | None
    size_bytes: int | None
    in_workspace: bool | None  # None: the release lies elsewhere, and was not asked
    in_cache: bool
    in_remote: bool | None


@dataclass(frozen=True, slots=True)
class RecipeFact:
    """What made a table: its recipe, whether today's code is the same, modules, parameters."""

    recipe: str
    is_todays: bool | None
    made_by: str
    modules: tuple[str, ...]
    libraries: dict[str, str]
    parameters: dict[str, Any]
    schema_version: int | None


@dataclass(frozen=True, slots=True)
class ContractFact:
    """A contract of the gate that judges the column, or is broken by this very row."""

    suite: str
    expectation: str
    column: str | None
    severity: str
    success: bool
    names_it: bool
    observed: str | None
    fix: str


@dataclass(frozen=True, slots=True)
class BlobChange:
    """A blob whose content differs between two versions; None: it was not there."""

    path: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Change:
    """When a value last changed. `revision` and `date` are empty for the working tree.

    `happened`: whether a change was found at all; `summary` says it, or why not, in words.
    """

    happened: bool
    summary: str
    revision: str = ""
    date: str = ""
    before: Any = None
    after: Any = None
    blobs: tuple[BlobChange, ...] = ()
    recipes: tuple[str, str] | None = None
    n_versions: int = 0


@dataclass(frozen=True, slots=True)
class Moment:
    """A value at one tag; `problem` says why there is none."""

    revision: str
    date: str
    value: Any
    problem: str = ""


@dataclass(frozen=True, slots=True)
class SourceFact:
    """A table column behind a column of a view; `rows`: how many of its rows go in."""

    column: str
    chosen_by: dict[str, Any]
    is_condition: bool
    rows: int


@dataclass(frozen=True, slots=True)
class Explanation:
    """One value and everything that led to it.

    `made_by`: the function or the file with the SQL. `meaning` defines the column. `behind`: the
    values of tables that a view's value comes from.
    """

    relation: str
    kind: str
    column: str
    key: Row
    value: Any
    type: str
    unit: str
    meaning: str
    grain: str
    made_by: str = ""
    blobs: tuple[BlobFact, ...] = ()
    recipe: RecipeFact | None = None
    contracts: tuple[ContractFact, ...] = ()
    findings: tuple[Row, ...] = ()
    changed: Change | None = None
    history: tuple[Moment, ...] | None = None
    sources: tuple[SourceFact, ...] = ()
    behind: tuple[Explanation, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Match:
    """A row that a key fits, with its value."""

    key: Row
    value: Any


@dataclass(frozen=True, slots=True)
class Answer:
    """What a question comes to: values explained, or the keys among which to choose."""

    column: str
    explanations: tuple[Explanation, ...] = ()
    n_matches: int = 0
    matches: tuple[Match, ...] = ()
