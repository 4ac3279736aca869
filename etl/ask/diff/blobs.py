"""The views of `diff` about masks and files: volumes before and after, and whose bytes changed."""

from __future__ import annotations

from collections.abc import Sequence

from etl.ask.diff.shape import Columns, Pair, load_sql
from etl.warehouse.connect import quoted

_CONTENT = "select path, content_crc32, content_bytes"
_NO_CONTENT = (
    "select null::varchar as path, null::bigint as content_crc32, null::bigint as content_bytes "
    "where false"
)
_MASK_COLUMNS = {
    "case_id": "varchar",
    "mask": "varchar",
    "volume_cm3": "double",
    "path": "varchar",
    "blob_md5": "varchar",
    "voxel_digest": "varchar",
}
_BLOB_COLUMNS = {
    "path": "varchar",
    "artefact": "varchar",
    "mask": "varchar",
    "case_id": "varchar",
    "phase": "bigint",
    "size_bytes": "bigint",
    "md5": "varchar",
}


def write_mask_volumes(tables: Sequence[Pair], schema: str) -> list[str]:
    """Return the statement of diff.mask_volumes; none where no version has masks."""
    pair = _find_pair(tables, "masks")
    if pair is None:
        return []
    statement = load_sql(
        "view_mask_volumes",
        schema=schema,
        old=pair.old_source,
        new=pair.new_source,
        old_columns=_select_columns(_MASK_COLUMNS, pair.old or pair.new),
        new_columns=_select_columns(_MASK_COLUMNS, pair.new or pair.old),
    )
    return [statement]


def write_blob_changes(tables: Sequence[Pair], schema: str) -> list[str]:
    """Return the statement of diff.blob_changes; none where a version has no table of blobs."""
    pair = _find_pair(tables, "blobs")
    if pair is None or not pair.old or not pair.new:
        return []
    old = [(p.old, p.old_source) for p in tables]
    new = [(p.new, p.new_source) for p in tables]
    sides = {
        "old_side": _select_files("old_files", pair.old, pair.old_source, old),
        "new_side": _select_files("new_files", pair.new, pair.new_source, new),
    }
    return [load_sql("view_blob_changes", schema=schema, **sides)]


def _find_pair(tables: Sequence[Pair], name: str) -> Pair | None:
    return next((pair for pair in tables if pair.name == name and not pair.problem), None)


def _select_columns(columns: Columns, columns_there: Columns) -> str:
    """List the columns; null for those that an older version lacks."""
    return ", ".join(
        quoted(name) if name in columns_there else f"null::{kind} as {name}"
        for name, kind in columns.items()
    )


def _select_files(
    side: str, columns: Columns, source: str, tables: list[tuple[Columns, str]]
) -> str:
    """Select the files of one version, with the checksum of the content where a table has it."""
    needed = {"path", "content_crc32", "content_bytes"}
    contents = [f"{_CONTENT} from {origin}" for names, origin in tables if needed <= names.keys()]
    return load_sql(
        "files_of_a_version",
        side=side,
        columns=_select_columns(_BLOB_COLUMNS, columns),
        blobs=source,
        content=" union all ".join(contents) or _NO_CONTENT,
    )
