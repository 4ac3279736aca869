"""Units read back from a table, so that a clone that pulled the tables measures what changed."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import cast

import polars as pl

from etl.build.manifest import Manifest, parse_finding
from etl.model import project
from etl.model.findings import Finding
from etl.model.release import Name
from etl.model.schema import Table
from etl.model.store import make_measured_schema, read_table, table_path
from etl.tables.unit import Blob, Values, make_unit_key

_CONTENT = "content of the unit"


def seed_units(
    root: Path, table: Table, manifest: Manifest, contents_kept: Collection[str]
) -> dict[str, Values]:
    """Return the units behind the present file of a table, by content, but those that are kept.

    The caller knows that the file is what the last build wrote, by the recipe of today. Cases with
    a finding are left out: of the table's rows nobody could tell what their unit said.
    """
    rows = cast(
        "pl.DataFrame", pl.from_arrow(read_table(table_path(root / project.TABLES, table.name)))
    )
    findings: dict[str, list[Finding]] = {}
    if table.per == "case":
        doubtful = {row["case_id"] for row in manifest.findings.get(table.name, ())}
        rows = rows.filter(~pl.col("case_id").is_in(doubtful)).with_columns(
            pl.col("inputs_md5").alias(_CONTENT)
        )
        # Another case of equal blobs has equal rows.
        rows = rows.filter(pl.col("case_id") == pl.col("case_id").min().over(_CONTENT))
    else:
        for row in manifest.unit_findings(table.name):
            finding = replace(parse_finding(row), case_id=None, path=None)
            findings.setdefault(row["path"], []).append(finding)
        contents = [_name_content(row) for row in rows.iter_rows(named=True)]
        rows = rows.with_columns(pl.Series(_CONTENT, contents, pl.String))
        rows = rows.unique(_CONTENT, keep="first", maintain_order=True)
    schema = make_measured_schema(table, table.assembled)
    rows = rows.filter(~pl.col(_CONTENT).is_in(list(contents_kept)))
    units = rows.partition_by(_CONTENT, as_dict=True, maintain_order=True)
    return {
        str(content): Values(
            unit.select(schema.names).to_arrow().cast(schema),
            findings.get(unit["path"][0], []) if "path" in unit.columns else [],
        )
        for (content,), unit in units.items()
    }


def _name_content(row: dict[str, object]) -> str:
    """Return what a row's blob is kept under."""
    if "mask" not in row:
        return str(row["blob_md5"])
    name = Name(str(row["path"]), "mask", str(row["mask"]))
    return make_unit_key((Blob(name, str(row["blob_md5"]), 0, str(row["foreground_rule"] or "")),))
