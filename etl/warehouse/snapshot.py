"""What a warehouse is made of at one version: table files, views, small inputs."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from etl.model import git_tables
from etl.model.digests import read_stamp
from etl.model.errors import UserError
from etl.model.profile import Profile, load_profile
from etl.model.project import GATE, PARAMS, TABLES
from etl.versions import git, revision_tables
from etl.warehouse import views
from etl.warehouse.held import MEMORY, hold_cached, hold_files, hold_parts
from etl.warehouse.macros import FOLDER as MACROS

if TYPE_CHECKING:
    from etl.versions.remote_files import RemoteFiles

VIEWS = "sql/views"
ADDED = "sql/tables"  # table -> a query over `built`: what SQL adds to its file
# What the SQL layer reads beside the tables; all of it is under git.
_UNDER_GIT = (PARAMS, VIEWS, MACROS, ADDED, "expectations/profiles", *git_tables.CSV_FILES.values())


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that a warehouse is made of, at one version: nothing else is read to make it.

    `added`: table -> the query over its file, as `built`, that SQL shows in its place. `revision`
    is its name, empty for the working tree. `inputs` lacks those that a revision holds in a form
    that this program cannot read. `parts`: table -> the folder of its files, one per case. Files
    and folders of a remote are strings, their addresses.
    """

    tables: Mapping[str, Path | str]
    views: Mapping[str, str]
    inputs: Mapping[str, git_tables.Rows]
    added: Mapping[str, str] = field(default_factory=dict)
    revision: str = ""
    parts: Mapping[str, Path | str] = field(default_factory=dict)
    macros: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """A hash that differs where the warehouse would."""
        files = [
            (name, str(path), read_stamp(path) if isinstance(path, Path) else None)
            for name, path in sorted(self.tables.items())
        ]
        texts = (
            sorted(part.items()) for part in (self.views, self.macros, self.added, self.inputs)
        )
        folders = sorted((name, str(path)) for name, path in self.parts.items())
        facts = (duckdb.__version__, files, folders, *texts)
        return hashlib.sha256(repr(facts).encode()).hexdigest()[:24]


def take_working_tree(root: Path) -> Snapshot:
    """Return what lies in the working tree of the project at `root`, held as it is now."""
    files = [path for folder in (TABLES, GATE) for path in (root / folder).glob("*.parquet")]
    built = hold_files(root, sorted(files, key=lambda path: path.stem))
    profile = load_profile(root)
    rows = git_tables.read_inputs(root, profile)
    texts, macros = (views.read_views(root / folder, profile) for folder in (VIEWS, MACROS))
    tables = root / TABLES
    names = sorted(path.name for path in tables.glob("*") if path.is_dir())
    parts = {name: hold_parts(root, tables, name) for name in names}
    return Snapshot(built, texts, rows, views.read_sql(root / ADDED), parts=parts, macros=macros)


def take_revision(root: Path, rev: str, remote: RemoteFiles | None = None) -> Snapshot:
    """Return what a git revision of a project held.

    Its table files are those of the DVC cache, or, with `remote`, addresses in it.

    Raises:
        UserError: unknown revision, one without tables, or a table file that is nowhere.
    """
    revision = git.resolve(root, rev)
    tables, parts = _find_tables(root, revision, remote)
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        for path, data in git.read_files_at(root, revision, _UNDER_GIT).items():
            target = Path(folder, path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        profile = _read_profile(Path(folder))
        texts, macros = (views.read_views(Path(folder, f), profile) for f in (VIEWS, MACROS))
        rows, added = _read_inputs_of(Path(folder), profile), views.read_sql(Path(folder, ADDED))
        return Snapshot(tables, texts, rows, added, str(revision), parts, macros)


def _find_tables(
    root: Path, revision: git.Revision, remote: RemoteFiles | None
) -> tuple[Mapping[str, Path | str], Mapping[str, Path | str]]:
    """Return table -> file, and table -> folder of its files, one per case."""
    if remote is None:
        files, files_of_cases = revision_tables.find_files(root, revision)
        return files, {name: hold_cached(root, name, of) for name, of in files_of_cases.items()}
    md5s, md5s_of_cases = revision_tables.list_md5s_at(root, revision)
    return (
        {name: remote.add_table(name, md5) for name, md5 in md5s.items()},
        {name: remote.add_parts(name, of) for name, of in md5s_of_cases.items()},
    )


def _read_profile(folder: Path) -> Profile | None:
    """Return the profile in a revision's files; None where it has a form of another time."""
    with suppress(UserError):
        return load_profile(folder)
    return None


def _read_inputs_of(folder: Path, profile: Profile | None) -> dict[str, git_tables.Rows]:
    """Return the inputs in a revision's files, without those that have a form of another time.

    A view that needs such a one is left out, too: an empty table would give a wrong answer.
    """
    rows: dict[str, git_tables.Rows] = {}
    unfit: set[str] = set()
    for name, path in git_tables.CSV_FILES.items():
        try:
            rows[name] = git_tables.read_csv_input(git_tables.SCHEMAS[name], folder / path)
        except UserError:
            unfit.add(name)
            (folder / path).unlink()
    try:
        rows = git_tables.read_inputs(folder, profile) if profile else rows
    except UserError:
        profile = None
    if profile is None:
        unfit |= set(git_tables.SCHEMAS) - set(git_tables.CSV_FILES)
    return {name: values for name, values in rows.items() if name not in unfit}
