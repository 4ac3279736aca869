"""What flows through the build: units in, values and findings out, and rows in the end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import md5
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from etl.model.errors import BadInputError
from etl.model.findings import Finding
from etl.model.profile import Profile
from etl.model.project import TABLES, param
from etl.model.release import (
    LINK_OUTSIDE,
    MARKS,
    NO_FILE,
    NO_NAME,
    NO_PATH,
    Name,
    list_blobs_of_case,
    name_role,
)
from etl.model.schema import Per, Table
from etl.model.store import read_table, table_path
from etl.read.source import RemoteFile, Source

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

    from etl.model.address import Folder

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Blob:
    """A file of the release: what its name says, and what is on disk."""

    name: Name
    md5: str
    size_bytes: int
    rule: str = (
        ""  # of a mask of the user's own: which values are foreground (etl.tables.own_masks)
    )

    @property
    def path(self) -> str:
        """Path inside the release."""
        return self.name.path


Unit = tuple[Blob, ...]


@dataclass(frozen=True, slots=True)
class Measured:
    """What measure() gives: rows and findings. Those of a unit carry no case and no path.

    A finding of a case's unit may name the role of a blob (`mask_ftv`) in place of a path. `part`:
    rows of the table's parts; the one of `rows` is about them.
    """

    rows: list[Row] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    part: pa.Table | None = None


@dataclass(frozen=True, slots=True)
class Values:
    """A unit that was measured: `rows` has the columns of its table that are not assembled.

    `part`: the file of its case, of a table that has one per case, on its way to the builder.
    """

    rows: pa.Table
    findings: Sequence[Finding] = ()
    part: bytes = b""


@dataclass(frozen=True, slots=True)
class Assembled:
    """What assemble() gives: the rows of a table, in any order, and findings with case and path."""

    rows: pl.DataFrame
    findings: Sequence[Finding] = ()


@dataclass(frozen=True, slots=True)
class Context:
    """What a table may ask for: the release, its profile, and the tables that it needs."""

    root: Path
    release: Folder
    profile: Profile
    blobs: tuple[Blob, ...]
    needs: tuple[str, ...] = ()
    mask_sets: tuple[str, ...] = ()  # of the release: the declared ones, then the user's own
    params: Mapping[str, Any] = field(default_factory=dict)  # by dotted name, where no root is

    def file(self, blob: Blob) -> Source:
        """Return the blob: a file on disk, or an object that is read into memory.

        Raises:
            BadInputError: a link that leads out of the project, or what is no file at all.
        """
        if blob.md5 in MARKS:
            raise refuse_mark(blob.md5, self.release / blob.path)
        if isinstance(self.release, Path):
            return self.release / blob.path
        return RemoteFile(self.release, blob.path, blob.md5, blob.size_bytes)

    def param(self, dotted: str) -> Any:  # noqa: ANN401  a YAML value is of any type
        """Return a value of params.yaml; the table's `params` name it: so it is in the recipe."""
        return self.params[dotted] if dotted in self.params else param(self.root, dotted)

    def table(self, name: str) -> pl.DataFrame:
        """Return a table that this one needs.

        Raises:
            LookupError: the table that asks does not declare that it needs it.
        """
        import polars as pl

        if name not in self.needs:
            message = f"{name} is read, but not among the tables that are declared as needed"
            raise LookupError(message)
        return cast("pl.DataFrame", pl.from_arrow(read_table(table_path(self.root / TABLES, name))))


def refuse_mark(mark: str, path: Folder) -> BadInputError:
    """Return the error of what stands in the release and is not opened."""
    if mark == LINK_OUTSIDE:
        return BadInputError(
            "link_leaves_release",
            observed=f"a link to {path.resolve()}",
            expected="a file of the release",
            likely_cause="a link instead of a copy",
            fix="Replace the link by the file it names, or adopt the folder again.",
        )
    observed = {
        NO_FILE: "a pipe, a socket or a device",
        NO_NAME: "a file name that is no UTF-8",
        NO_PATH: "a key that is no path (an empty part, `.`, `..` or `?versionId=`)",
    }
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
    has none. assemble(): the rows; a module without it takes what was measured as it is.

    Where a module has it: `wants(name, params, profile)`, which of the blobs of TABLE it reads;
    `describe_part(mask_sets)`, the schema of what TABLE.parts names.
    """

    TABLE: Table

    @staticmethod
    def measure(unit: Unit, context: Context) -> Measured:
        """Measure one unit: values and findings."""
        ...

    @staticmethod
    def assemble(values: pl.DataFrame, context: Context) -> Assembled:
        """Return the table's rows and findings.

        `values`: what was measured, with what a unit's blobs say of it (assembly.identify).
        """
        ...


def make_unit_key(unit: Unit) -> str:
    """Return what a unit's values follow from: an MD5 over roles, MD5s and rules of its blobs."""
    lines = sorted(f"{name_role(b.name)} {b.md5} {b.rule}".rstrip() + "\n" for b in unit)
    return md5("".join(lines).encode(), usedforsecurity=False).hexdigest()


def name_content(unit: Unit, per: Per) -> str:
    """Return what a unit is kept under; equal masks of two sets may have two rules."""
    is_bare = per == "blob" and unit[0].name.mask is None
    return unit[0].md5 if is_bare else make_unit_key(unit)


def list_units(per: Per, blobs: tuple[Blob, ...]) -> list[Unit]:
    """Return one unit per blob (of doubles the .nii.gz), per case, or one of all blobs."""
    if per == "tables":
        return []
    if per == "release":
        return [blobs]
    chosen: dict[object, Blob] = {}
    for blob in sorted(blobs, key=lambda b: (not b.path.endswith(".gz"), b.path)):
        chosen.setdefault(blob.name.identity, blob)
    single = sorted(chosen.values(), key=lambda b: b.path)
    if per == "blob":
        return [(blob,) for blob in single]
    by_case: dict[str, list[Blob]] = {}
    for blob in single:
        if blob.name.case_id:
            by_case.setdefault(blob.name.case_id, []).append(blob)
    return [tuple(by_case[case_id]) for case_id in sorted(by_case)]


def add_identity(
    findings: Iterable[Finding], unit: Unit, per: Per, profile: Profile
) -> list[Finding]:
    """Return the findings of a unit with case and path: of its blob, or of the role they name.

    A role that the unit lacks becomes the path where the missing blob belongs.
    """
    if not unit or (per == "release" and len(unit) > 1):
        return list(findings)
    name = unit[0].name
    own_path = None if per == "case" else name.path
    paths: dict[str | None, str] = {}
    if per == "case" and name.case_id:
        paths |= {name_role(n): n.path for n in list_blobs_of_case(name.case_id, profile)}
        paths |= {name_role(blob.name): blob.path for blob in unit}
    return [
        replace(
            finding,
            case_id=finding.case_id or name.case_id,
            path=paths.get(finding.path, finding.path) or own_path,
        )
        for finding in findings
    ]


def find_artefact(context: Context, kind: str) -> Blob | None:
    """Return the one blob of a kind that is used: the profile's first spelling, then by path."""
    spellings = context.profile.files.get(kind, ())
    rank = {spelling: number for number, spelling in enumerate(spellings)}
    candidates = [blob for blob in context.blobs if blob.name.artefact == kind]
    last = len(rank)
    candidates.sort(key=lambda b: (rank.get(b.path.rpartition("/")[2], last), b.path))
    return candidates[0] if candidates else None
