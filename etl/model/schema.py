"""What a table is: its columns with unit and meaning, its key, its grain, and what it is made of.

Schema, DuckDB comments, `ispy1 describe`, the data dictionary, the order of the build and the keys
and references that the gate judges all come from here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from textwrap import dedent
from typing import Literal, cast

Kind = Literal[
    "string", "bool", "int32", "int64", "float", "double", "date", "list<double>", "list<string>"
]
# What is measured at once: a blob, all blobs of a case, or all of the release. A table of `tables`
# is made of other tables; one of the `build` by the build itself, beside all others.
Per = Literal["blob", "case", "release", "tables", "build"]

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Column:
    """One column: name, type, meaning, unit, and whether it may be null."""

    name: str
    kind: Kind
    meaning: str
    unit: str = ""
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class TableSchema:
    """One table: what one row is, its key (unique, never null) and its columns in order."""

    name: str
    grain: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The column names in order."""
        return tuple(column.name for column in self.columns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table(TableSchema):
    """The declaration of a table that the build makes: all that is known of it before it is built.

    Attributes:
        per: what is measured at once.
        reads: how the artefacts begin that it reads (etl.model.release); `""` is every file.
        needs: the tables that assemble() reads.
        references: column -> the table whose key its values are. The gate judges them.
        params: names in params.yaml that decide its values.
        files: files beside the release that decide its values, relative to the root.
        adds: the columns that assemble() adds to what measure() gives.
        sources: column -> how the roles of the blobs behind it begin (name_role; `{expert}` is the
            set that has this role in the profile), and what these do for it; for columns that are
            not from all that the table reads, those of `parts` too.
        parts: the table whose rows measure() gives beside: one Parquet file per case, too many rows
            to be kept in memory. The module's describe_part() has its schema. This table has one
            row per such file, with its MD5 in `part_md5`.
        row_in_file: of a table read from one file for all cases, where a row stands in it. The
            module's HEADERS name the column.
    """

    per: Per
    reads: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    references: Mapping[str, str] = field(default_factory=dict)
    params: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    adds: tuple[str, ...] = ()
    sources: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    parts: str = ""
    row_in_file: str = ""

    @property
    def assembled(self) -> tuple[str, ...]:
        """The columns that do not come from measure()."""
        return self.names if self.per == "tables" else self.adds


_LINE = re.compile(
    r"(?P<name>\w+) (?P<kind>[\w<>]+)(?P<nullable>\??) (?:\[(?P<unit>[^]]+)\] )?(?P<meaning>.+)"
)


def parse_columns(text: str) -> tuple[Column, ...]:
    """Return the columns that a text declares, one a line: `name type? [unit] meaning`.

    `?` after the type: the column may be null. The unit may be left out. A line that is indented
    deeper goes on with the one before.

    Raises:
        ValueError: a line has another form.
    """
    return tuple(_parse_column(line) for line in _join_lines(text))


def _join_lines(text: str) -> Iterator[str]:
    entry = ""
    for line in dedent(text).strip().splitlines():
        if line[:1].isspace():
            entry += f" {line.strip()}"
        else:
            yield from (entry,) if entry else ()
            entry = line
    yield entry


def _parse_column(line: str) -> Column:
    match = _LINE.fullmatch(line)
    if match is None:
        message = f"{line!r} is no column. Write `name type? [unit] meaning`."
        raise ValueError(message)
    name, kind, nullable, unit, meaning = match.groups()
    return Column(name, cast("Kind", kind), meaning, unit or "", bool(nullable))


CASE_ID = Column("case_id", "string", "The subject at baseline, such as ISPY1_1002")
# In every table whose rows come from several blobs of a case: two rows of equal inputs are equal.
INPUTS_MD5 = Column(
    "inputs_md5",
    "string",
    "MD5 over roles, MD5s and rules of the case's blobs that the table reads",
)

# Ends of the names of columns that hold the MD5s of some of these blobs.
BLOB_MD5S = ("_blob_md5", "_blob_md5s")

# The columns of every table that describes a NIfTI blob.
HEADER = parse_columns("""
    path string Path of the blob inside the release
    blob_md5 string MD5 of the blob as it lies on disk: also its DVC hash
    content_crc32 int64 CRC-32 of the uncompressed stream: equal when repacked
    content_bytes int64 [bytes] Length of the uncompressed stream
    size_bytes int64 [bytes] Length of the blob on disk
    stored_dtype string Data type of the stored voxels, as numpy spells it
    size_x int64 [voxels] Number of voxels along array axis 0
    size_y int64 [voxels] Number of voxels along array axis 1
    size_z int64 [voxels] Number of voxels along array axis 2
    spacing_x_mm double [mm] Distance of voxel centres along array axis 0
    spacing_y_mm double [mm] Distance of voxel centres along array axis 1
    spacing_z_mm double [mm] Distance of voxel centres along array axis 2
    voxel_volume_mm3 double [mm3] Absolute determinant of the affine
    orientation string Directions in which the array axes increase (aff2axcodes)
    affine list<double> Voxel index to RAS+ world in mm, 4x4, row-major
    qform_code int64 NIfTI qform_code as stored
    sform_code int64 NIfTI sform_code as stored
    scl_slope double? NIfTI scl_slope as stored; 0 means no scaling
    scl_inter double? NIfTI scl_inter as stored
    xyzt_units int64 NIfTI xyzt_units as stored
    extension_bytes int64 [bytes] Bytes between the header and the voxels
""")
