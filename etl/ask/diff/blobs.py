"""The views of `diff` about masks and files: volumes before and after, and whose bytes changed."""

from __future__ import annotations

from collections.abc import Sequence
from string import Template

from etl.ask.diff.shape import Columns, Pair
from etl.warehouse.connect import literal, quoted

_MASKS = Template("""
create view $schema.mask_volumes as
select
    coalesce(n.case_id, o.case_id) as case_id,
    coalesce(n.mask, o.mask) as mask,
    case
        when o._is_here is null then 'added'
        when n._is_here is null then 'removed'
        else 'changed'
    end as change,
    o.volume_cm3 as old_cm3,
    n.volume_cm3 as new_cm3,
    n.volume_cm3 - o.volume_cm3 as difference_cm3,
    100 * (n.volume_cm3 - o.volume_cm3) / nullif(o.volume_cm3, 0) as difference_percent,
    case
        when difference_cm3 = 0 then 0
        when o.volume_cm3 is not null and n.volume_cm3 is not null
            then coalesce(abs(difference_cm3) / s.spread, 'infinity'::double)
    end as unusual,
    coalesce(n.path, o.path) as path,
    o.path as old_path,
    o.blob_md5 as old_md5,
    n.path as new_path,
    n.blob_md5 as new_md5
from (select $old_columns, true as _is_here from $old) as o
full join (select $new_columns, true as _is_here from $new) as n
    on o.case_id = n.case_id and o.mask = n.mask
left join (
    select
        mask,
        nullif(coalesce(
            nullif(quantile_cont(volume_cm3, 0.75) - quantile_cont(volume_cm3, 0.25), 0),
            max(volume_cm3) - min(volume_cm3)
        ), 0) as spread
    from $old
    group by mask
) as s on o.mask = s.mask
where
    change != 'changed'
    or o.volume_cm3 is distinct from n.volume_cm3
    or o.voxel_digest is distinct from n.voxel_digest
""")
_BLOBS = Template("""
create view $schema.blob_changes as
with $old_side, $new_side
select
    coalesce(n.path, o.path) as path,
    case
        when o.path is null then 'added'
        when n.path is null then 'removed'
        when o.md5 = n.md5 then 'moved'
        when o.content_crc32 = n.content_crc32 and o.content_bytes = n.content_bytes
            then 'packaging only'
        else 'content'
    end as change,
    coalesce(n.artefact, o.artefact) as artefact,
    coalesce(n.case_id, o.case_id) as case_id,
    o.path as old_path,
    o.md5 as old_md5,
    o.size_bytes as old_bytes,
    n.path as new_path,
    n.md5 as new_md5,
    n.size_bytes as new_bytes
from old_files as o
full join new_files as n on o.identity = n.identity and o.number = n.number
where o.md5 is distinct from n.md5 or o.path is distinct from n.path
""")
# An image or mask is the same file under another name (.nii for .nii.gz) by what it is of.
_FILES = Template("""
$side as (
    select
        b.*,
        content.content_crc32,
        content.content_bytes,
        case
            when b.case_id is null then b.path
            else concat_ws(' ', b.case_id, b.artefact, b.mask, b.phase)
        end as identity,
        row_number() over (partition by identity order by b.path) as number
    from (select $columns from $blobs) as b
    left join ($content) as content on b.path = content.path
    where b.md5 is not null
)""")
_CONTENT = "select path, content_crc32, content_bytes"
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


def mask_volumes(tables: Sequence[Pair], schema: str) -> list[str]:
    """The statement of diff.mask_volumes; none where no version has masks."""
    pair = _named(tables, "masks")
    if pair is None:
        return []
    made = _MASKS.substitute(
        schema=schema,
        old=pair.old_source,
        new=pair.new_source,
        old_columns=_picked(_MASK_COLUMNS, pair.old or pair.new),
        new_columns=_picked(_MASK_COLUMNS, pair.new or pair.old),
    )
    return [made]


def blob_changes(tables: Sequence[Pair], schema: str) -> list[str]:
    """The statement of diff.blob_changes; none where a version has no table of blobs."""
    pair = _named(tables, "blobs")
    if pair is None or not pair.old or not pair.new:
        return []
    old = [(p.old, p.old_source) for p in tables]
    new = [(p.new, p.new_source) for p in tables]
    sides = {
        "old_side": _files("old_files", pair.old, pair.old_source, old),
        "new_side": _files("new_files", pair.new, pair.new_source, new),
    }
    return [_BLOBS.substitute(schema=schema, **sides)]


def _named(tables: Sequence[Pair], name: str) -> Pair | None:
    return next((pair for pair in tables if pair.name == name and not pair.problem), None)


def _picked(wanted: Columns, there: Columns) -> str:
    """The wanted columns; null for those that an older version lacks."""
    return ", ".join(
        quoted(name) if name in there else f"null::{kind} as {name}"
        for name, kind in wanted.items()
    )


def _files(side: str, columns: Columns, source: str, tables: list[tuple[Columns, str]]) -> str:
    """The files of one version, with the checksum of what is inside where a table knows it."""
    needed = {"path", "content_crc32", "content_bytes"}
    known = [f"{_CONTENT} from {origin}" for there, origin in tables if needed <= there.keys()]
    nothing = f"select null::varchar as path, {literal(None)}::bigint as content_crc32, "
    nothing += "null::bigint as content_bytes where false"
    return _FILES.substitute(
        side=side,
        columns=_picked(_BLOB_COLUMNS, columns),
        blobs=source,
        content=" union all ".join(known) or nothing,
    )
