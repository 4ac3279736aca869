"""What a table is: its columns with unit and meaning, its key and its grain.

Schema, DuckDB comments, `ispy1 describe` and the data dictionary all come from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["string", "bool", "int64", "double", "date", "list<double>", "list<string>"]

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


def optional(name: str, kind: Kind, meaning: str, unit: str = "") -> Column:
    """A column that may be null."""
    return Column(name, kind, meaning, unit, nullable=True)


def _axes(pattern: str, kind: Kind, meaning: str, unit: str) -> tuple[Column, ...]:
    return tuple(
        Column(pattern.format(axis), kind, meaning.format(number), unit)
        for number, axis in enumerate("xyz")
    )


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
HEADER: tuple[Column, ...] = (
    Column("path", "string", "Path of the blob inside the release"),
    Column("blob_md5", "string", "MD5 of the blob as it lies on disk: also its DVC hash"),
    Column("content_crc32", "int64", "CRC-32 of the uncompressed stream: equal when repacked"),
    Column("content_bytes", "int64", "Length of the uncompressed stream", "bytes"),
    Column("size_bytes", "int64", "Length of the blob on disk", "bytes"),
    Column("stored_dtype", "string", "Data type of the stored voxels, as numpy spells it"),
    *_axes("size_{}", "int64", "Number of voxels along array axis {}", "voxels"),
    *_axes("spacing_{}_mm", "double", "Distance of voxel centres along array axis {}", "mm"),
    Column("voxel_volume_mm3", "double", "Absolute determinant of the affine", "mm3"),
    Column("orientation", "string", "Directions in which the array axes increase (aff2axcodes)"),
    Column("affine", "list<double>", "Voxel index to RAS+ world in mm, 4x4, row-major"),
    Column("qform_code", "int64", "NIfTI qform_code as stored"),
    Column("sform_code", "int64", "NIfTI sform_code as stored"),
    optional("scl_slope", "double", "NIfTI scl_slope as stored; 0 means no scaling"),
    optional("scl_inter", "double", "NIfTI scl_inter as stored"),
    Column("xyzt_units", "int64", "NIfTI xyzt_units as stored"),
    Column("extension_bytes", "int64", "Bytes between the header and the voxels", "bytes"),
)
