"""Croissant 1.1 JSON-LD (MLCommons) of the tables, which lie beside it, and of the blobs.

Form: docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import duckdb

import etl
from etl.exchange.facts import find_commit, locate_blob, name_format, name_licence, name_version
from etl.exchange.target import Exported, Options, write_json
from etl.model.digests import compute_sha256
from etl.model.profile import Profile, load_profile
from etl.model.project import release_path
from etl.model.store import list_parts
from etl.warehouse import dictionary
from etl.warehouse.connect import with_unit
from etl.warehouse.dialects.parts import PARQUET
from etl.warehouse.dictionary import ColumnFact, Relation
from etl.warehouse.export import copy_tables, open_target
from etl.warehouse.snapshot import Snapshot

FILE = "croissant.json"
# The context of the specification, which a validator wants whole, with two terms of version 1.1.
_TERMS = (
    "arrayShape", "citeAs", "column", "equivalentProperty", "extract", "field", "fileObject",
    "fileProperty", "fileSet", "format", "includes", "isArray", "isLiveDataset", "jsonPath", "key",
    "md5", "parentField", "path", "recordSet", "references", "regex", "repeated", "replace",
    "samplingRate", "separator", "source", "subField", "transform",
)  # fmt: skip
_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{term: f"cr:{term}" for term in _TERMS},
}
_TYPES = {
    "varchar": "sc:Text", "bigint": "cr:Int64", "integer": "cr:Int32", "double": "cr:Float64",
    "float": "cr:Float32", "boolean": "sc:Boolean", "date": "sc:Date",
}  # fmt: skip
_PARQUET_FORMAT = "application/x-parquet"  # what mlcroissant calls it
_CASE_OF_PATH = r".*case_id=([^/]+)/[^/]+$"
_BLOBS = "select path, md5, artefact from blobs where md5 is not null order by path"
Node = dict[str, Any]


def export(root: Path, target: Path, options: Options) -> Exported:
    """Write the tables as Parquet, and `croissant.json`, which describes them and the blobs.

    Raises:
        UserError: see export_for().
    """
    with open_target(root, target, force=options.force) as snapshot, etl.connect(root) as db:
        n_copies = sum(1 for _ in copy_tables(snapshot, target / PARQUET, options.progress))
        blobs = list(_describe_blobs(root, target, db))
        tables = [r for r in dictionary.list_relations(db) if r.kind == "table"]
        content = _describe_release(root, load_profile(root)) | {
            "distribution": [*(_describe_file(target, t, snapshot) for t in tables), *blobs],
            "recordSet": [_describe_rows(db, table, snapshot) for table in tables],
        }
        written = write_json(target / FILE, content)
    note = f"{n_copies} Parquet files lie beside it; {len(blobs)} blobs are named where they are."
    return Exported([written], [note, f"`mlcroissant validate --jsonld {written}` checks it."])


def _describe_release(root: Path, profile: Profile) -> Node:
    commit = find_commit(root)
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.1",
        "name": profile.dataset,
        "description": f"{profile.title}. {profile.attribution}",
        "license": name_licence(profile.licence),
        "citeAs": "\n".join(profile.citations),
        "version": name_version(root),
        "isLiveDataset": False,
        **({"url": f"https://doi.org/{profile.doi}"} if profile.doi else {}),
        **({"datePublished": commit[1].date().isoformat()} if commit else {}),
    }


def _describe_file(target: Path, table: Relation, snapshot: Snapshot) -> Node:
    """Return the file of a table; of one with a file per case, the set of them."""
    common = {"@id": f"{table.name}.parquet", "encodingFormat": _PARQUET_FORMAT}
    if table.name in snapshot.parts:
        n_files = len(list_parts(target / PARQUET, table.name))
        return common | {
            "@type": "cr:FileSet",
            "name": table.name,
            "description": f"{n_files} files, one per case; `part_md5` of voxel_files is their MD5",
            "includes": f"{PARQUET}/{table.name}/*/*.parquet",
        }
    path = f"{PARQUET}/{table.name}.parquet"
    return common | {
        "@type": "cr:FileObject",
        "name": f"{table.name}.parquet",
        "contentUrl": path,
        "sha256": compute_sha256(target / path),
    }


def _describe_blobs(root: Path, target: Path, db: duckdb.DuckDBPyConnection) -> Iterator[Node]:
    release = release_path(root)
    for path, md5, artefact in db.execute(_BLOBS).fetchall():
        yield {
            "@type": "cr:FileObject",
            "@id": f"release/{quote(path).replace('%20', '+')}",  # blanks make no id
            "name": path,
            "description": artefact,
            "contentUrl": locate_blob(release, path, target),
            "encodingFormat": name_format(path),
            "md5": md5,
        }


def _describe_rows(db: duckdb.DuckDBPyConnection, table: Relation, snapshot: Snapshot) -> Node:
    is_set = table.name in snapshot.parts
    return {
        "@type": "cr:RecordSet",
        "@id": table.name,
        "name": table.name,
        "description": table.grain,
        "key": [{"@id": f"{table.name}/{column}"} for column in table.key_columns],
        "field": [
            _describe_column(table.name, column, is_set=is_set)
            for column in dictionary.columns(db, table)
        ],
    }


def _describe_column(table: str, column: ColumnFact, *, is_set: bool) -> Node:
    kind, is_array = column.type.removesuffix("[]"), column.type.endswith("[]")
    source: Node = {
        "fileSet" if is_set else "fileObject": {"@id": f"{table}.parquet"},
        "extract": {"column": column.name},
    }
    if is_set and column.name == "case_id":  # it is in the paths alone
        source |= {"extract": {"fileProperty": "fullpath"}, "transform": {"regex": _CASE_OF_PATH}}
    return {
        "@type": "cr:Field",
        "@id": f"{table}/{column.name}",
        "name": column.name,
        "description": with_unit(column.meaning, column.unit),
        "dataType": _TYPES[kind],
        **({"isArray": True, "arrayShape": "-1"} if is_array else {}),
        "source": source,
    }
