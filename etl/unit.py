"""What flows through the build of one table: units in, rows and findings out."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from hashlib import md5
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from etl.errors import BadInputError
from etl.findings import Finding, from_bad_input
from etl.profile import Profile
from etl.project import param
from etl.release import LINK_OUTSIDE, MARKS, NO_FILE, NO_NAME, Name, blobs_of_case, role
from etl.schema import Per, Table
from etl.store import read_table, table_path

if TYPE_CHECKING:
    import pyarrow as pa

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Blob:
    """A file of the release: what its name says, and what is on disk."""

    name: Name
    md5: str
    size_bytes: int
    rule: str = ""  # of a mask of the user's own: which values are foreground (etl.own_masks)

    @property
    def path(self) -> str:
        """Path inside the release."""
        return self.name.path


@dataclass(frozen=True, slots=True)
class Measured:
    """Rows and findings. Those of a unit carry no case and no path: assemble() adds identity.

    A finding of a case's unit may name the role of a blob (`mask_ftv`) in place of a path.
    """

    rows: list[Row] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Context:
    """What a table may ask for: the release, its profile, and the tables that it needs."""

    root: Path
    release: Path
    profile: Profile
    blobs: tuple[Blob, ...]
    needs: tuple[str, ...] = ()

    def file(self, blob: Blob) -> Path:
        """The blob on disk.

        Raises:
            BadInputError: a link that leads out of the project, or what is no file at all.
        """
        path = self.release / blob.path
        if blob.md5 in MARKS:
            raise refuse_mark(blob.md5, path)
        return path

    def param(self, dotted: str) -> Any:  # noqa: ANN401  a YAML value is of any type
        """A value of params.yaml; the table's params name it, so that it is in the recipe."""
        return param(self.root, dotted)

    def table(self, name: str) -> list[Row]:
        """Return the rows of a table that this one needs.

        Raises:
            LookupError: the table that asks does not declare that it needs it.
        """
        rows: list[Row] = self.read(name).to_pylist()
        return rows

    def read(self, name: str) -> pa.Table:
        """Return a table that this one needs, as columns.

        Raises:
            LookupError: the table that asks does not declare that it needs it.
        """
        if name not in self.needs:
            message = f"{name} is read, but not among the tables that are declared as needed"
            raise LookupError(message)
        return read_table(table_path(self.root / "data/tables", name))


def refuse_mark(mark: str, path: Path) -> BadInputError:
    """Return the error of what stands in the release and is not opened."""
    if mark == LINK_OUTSIDE:
        return BadInputError(
            "link_leaves_release",
            observed=f"a link to {path.resolve()}",
            expected="a file of the release",
            likely_cause="a link instead of a copy",
            fix="Replace the link by the file it names, or adopt the folder again.",
        )
    observed = {NO_FILE: "a pipe, a socket or a device", NO_NAME: "a file name that is no UTF-8"}
    return BadInputError(
        "no_file",
        observed=observed[mark],
        expected="a file, with a name in UTF-8",
        likely_cause="another program's work place, or an archive of another system",
        fix="Replace or rename it, then run again. It is in no table but blobs.",
    )


class TableModule(Protocol):
    """What a module of etl/tables offers.

    TABLE: the declaration. measure(): one unit's values, free of identity; a table of other tables
    has none. assemble(): the rows; a module without it keeps what was measured as it is.

    Where a module has it: `wants(name, params)`, which of the blobs that TABLE reads it reads.
    """

    TABLE: Table

    @staticmethod
    def measure(unit: tuple[Blob, ...], context: Context) -> Measured:
        """Measure one unit: values and findings."""
        ...

    @staticmethod
    def assemble(measured: list[tuple[tuple[Blob, ...], Measured]], context: Context) -> Measured:
        """Return the table's rows and findings."""
        ...


def collect_rows(measured: list[tuple[tuple[Blob, ...], Measured]]) -> list[Row]:
    """Return the rows of all units, as they were measured."""
    return [row for _, found in measured for row in found.rows]


def unit_key(unit: tuple[Blob, ...]) -> str:
    """What the values of a unit follow from: an MD5 over roles, MD5s and rules of its blobs."""
    lines = sorted(f"{role(b.name)} {b.md5} {b.rule}".rstrip() + "\n" for b in unit)
    return md5("".join(lines).encode(), usedforsecurity=False).hexdigest()


def identified(
    found: Measured, unit: tuple[Blob, ...], per: Per, profile: Profile
) -> list[Finding]:
    """The findings of a unit with case and path: of its blob, or of the blob whose role they name.

    A role that the unit lacks becomes the path where the missing blob belongs.
    """
    if not unit or (per == "release" and len(unit) > 1):
        return found.findings
    name = unit[0].name
    own = None if per == "case" else name.path
    places: dict[str | None, str] = {}
    if per == "case" and name.case_id:
        places |= {role(n): n.path for n in blobs_of_case(name.case_id, profile)}
        places |= {role(blob.name): blob.path for blob in unit}
    return [
        replace(
            finding,
            case_id=finding.case_id or name.case_id,
            path=places.get(finding.path, finding.path) or own,
        )
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
