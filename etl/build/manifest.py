"""The table `findings`, written last by a build: by it the next one knows what it may believe."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from etl.build.recipe import make_module_recipe
from etl.model import project
from etl.model.digests import compute_md5
from etl.model.errors import UserError
from etl.model.findings import Finding
from etl.model.profile import Profile
from etl.model.store import Row, read_footer, read_table, table_path, write_table
from etl.tables.findings import TABLE as FINDINGS

# In the footer. FILES: table -> MD5 of its file. ASSEMBLED: table -> ids of its findings that no
# unit gave: they follow from other blobs too (a copy, a grid), so they are no unit's. DIGEST: of
# the rows, as somebody may edit them and keep the footer.
FILES, ASSEMBLED, DIGEST = "files", "assembled", "digest"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the last build left: table -> MD5 of its file, and table -> its findings.

    `assembled`: table -> ids of the findings that follow from more than one unit.
    """

    files: Mapping[str, str] = field(default_factory=dict)
    findings: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    assembled: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def unit_findings(self, table: str) -> list[Row]:
        """Return the findings that a unit of a table gave."""
        assembled = set(self.assembled.get(table, ()))
        return [row for row in self.findings.get(table, ()) if row["finding_id"] not in assembled]


def manifest_path(root: Path) -> Path:
    """Return the file of the table `findings`."""
    return table_path(root / project.TABLES, FINDINGS.name)


def read_manifest(root: Path) -> Manifest:
    """Return what the last build left; nothing where its file is missing, damaged or edited."""
    path = manifest_path(root)
    try:
        footer, rows = read_footer(path), read_table(path).to_pylist()
        if footer[DIGEST] != _digest(rows):
            return Manifest()
        findings: dict[str, list[Row]] = {}
        for row in rows:
            findings.setdefault(row["table"], []).append(row)
        return Manifest(footer[FILES], findings, footer[ASSEMBLED])
    except (OSError, KeyError, TypeError, ValueError, pa.ArrowException, UserError):
        return Manifest()


def write_manifest(
    root: Path, manifest: Manifest, profile: Profile, meta: Mapping[str, Any]
) -> None:
    """Write the table `findings` with what the tables are.

    Args:
        root: the project.
        manifest: files, findings and ids of all tables.
        profile: of the release.
        meta: further facts for the footer.

    Raises:
        UserError: the disk refuses.
    """
    rows = sorted(
        (row for table in manifest.findings.values() for row in table),
        key=lambda row: str(row["finding_id"]),
    )
    recipe = make_module_recipe(root, __name__, profile)
    facts = {
        "recipe": recipe,
        FILES: manifest.files,
        ASSEMBLED: manifest.assembled,
        DIGEST: _digest(rows),
    }
    write_table(FINDINGS, rows, manifest_path(root), meta={**meta, **facts})


def parse_finding(row: Row) -> Finding:
    """Return the finding that is a row of the table."""
    return Finding(**{name: value for name, value in row.items() if name != "finding_id"})


def _digest(rows: Sequence[Row]) -> str:
    return hashlib.sha256(json.dumps(rows, sort_keys=True).encode()).hexdigest()


def hash_file(path: Path) -> str | None:
    """Return the MD5 of a file, as DVC has it; None without one."""
    return compute_md5(path) if path.is_file() else None
