"""What flows through the build of one table: units in, rows and findings out."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from etl.errors import BadInputError
from etl.findings import Finding, from_bad_input
from etl.profile import Profile
from etl.release import LINK_OUTSIDE, Name
from etl.schema import TableSchema
from etl.store import read_table, table_path

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Blob:
    """A file of the release: what its name says, and what is on disk."""

    name: Name
    md5: str
    size_bytes: int

    @property
    def path(self) -> str:
        """Path inside the release."""
        return self.name.path


@dataclass(frozen=True, slots=True)
class Measured:
    """Rows and findings. Those of a unit carry no case and no path: assemble() adds identity."""

    rows: list[Row] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Context:
    """What a table may ask for: the release, its profile, and tables that are built before."""

    root: Path
    release: Path
    profile: Profile
    blobs: tuple[Blob, ...]

    def file(self, blob: Blob) -> Path:
        """The blob on disk.

        Raises:
            BadInputError: a link that leads out of the project.
        """
        path = self.release / blob.path
        if blob.md5 == LINK_OUTSIDE:
            raise BadInputError(
                "link_leaves_release",
                observed=f"a link to {path.resolve()}",
                expected="a file of the release",
                likely_cause="a link instead of a copy",
                fix="Replace the link by the file it names, or adopt the folder again.",
            )
        return path

    def table(self, name: str) -> list[Row]:
        """The rows of a table that an earlier stage built."""
        rows: list[Row] = read_table(table_path(self.root / "data/tables", name)).to_pylist()
        return rows


class TableModule(Protocol):
    """What a module of etl/tables offers.

    SCHEMA: the table. READS: the artefacts it reads. PER_BLOB: whether a unit is one blob (or
    all of them). ASSEMBLED: the columns that assemble() adds. measure(): one unit's values,
    free of identity. assemble(): the rows.
    """

    SCHEMA: TableSchema
    READS: tuple[str, ...]
    PER_BLOB: bool
    ASSEMBLED: tuple[str, ...]

    @staticmethod
    def measure(unit: tuple[Blob, ...], context: Context) -> Measured:
        """Values and findings of one unit."""
        ...

    @staticmethod
    def assemble(measured: list[tuple[tuple[Blob, ...], Measured]], context: Context) -> Measured:
        """The table's rows and findings."""
        ...


def identified(found: Measured, unit: tuple[Blob, ...]) -> list[Finding]:
    """The findings of a unit with the case and the path of its first blob, where they lack them."""
    if not unit:
        return found.findings
    name = unit[0].name
    return [
        replace(finding, case_id=finding.case_id or name.case_id, path=finding.path or name.path)
        for finding in found.findings
    ]


def refused(table: str, error: BadInputError) -> Measured:
    """What a unit that cannot be used comes to: no rows, one finding."""
    return Measured([], [from_bad_input(table, error)])


def artefact(context: Context, kind: str) -> Blob | None:
    """The one blob of a kind that is used: the profile's first spelling, then by path."""
    spellings = context.profile.files.get(kind, ())
    rank = {spelling: number for number, spelling in enumerate(spellings)}
    found = [blob for blob in context.blobs if blob.name.artefact == kind]
    last = len(rank)
    found.sort(key=lambda b: (rank.get(b.path.rpartition("/")[2], last), b.path))
    return found[0] if found else None
