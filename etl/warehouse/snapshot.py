"""What a warehouse is made of at one version: table files, views, small inputs."""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from etl.model import git_tables
from etl.model.errors import UserError
from etl.model.profile import Profile, load_profile
from etl.model.project import GATE, PARAMS, TABLES
from etl.versions import git
from etl.warehouse import views

VIEWS = "sql/views"
ADDED = "sql/tables"  # table -> a query over `built`: what SQL adds to its file
MEMORY = Path("/dev/shm")  # noqa: S108  Linux keeps it in memory: a reader needs no disk
HELD_S = 24 * 3600  # longer than any one reader asks
# What the SQL layer reads beside the tables; all of it is under git.
_UNDER_GIT = (PARAMS, VIEWS, ADDED, "expectations/profiles", *git_tables.CSV_FILES.values())


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that a warehouse is made of, at one version: nothing else is read to make it.

    `added`: table -> the query over its file, as `built`, that SQL shows in its place. `revision`
    is its name, empty for the working tree. `inputs` lacks those that a revision holds in a form
    that this program cannot read.
    """

    tables: Mapping[str, Path]
    views: Mapping[str, str]
    inputs: Mapping[str, git_tables.Rows]
    added: Mapping[str, str] = field(default_factory=dict)
    revision: str = ""

    @property
    def key(self) -> str:
        """A hash that differs where the warehouse would."""
        files = [(name, str(path), _read_stamp(path)) for name, path in sorted(self.tables.items())]
        texts = (sorted(part.items()) for part in (self.views, self.added, self.inputs))
        parts = (duckdb.__version__, files, *texts)
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:24]


def _read_stamp(path: Path) -> tuple[int, int, int]:
    stat = path.stat()
    return (stat.st_mtime_ns, stat.st_size, stat.st_ino)


def take_working_tree(root: Path) -> Snapshot:
    """Return what lies in the working tree of the project at `root`, held as it is now."""
    files = [path for folder in (TABLES, GATE) for path in (root / folder).glob("*.parquet")]
    built = {
        path.stem: _hold_file(root, path) for path in sorted(files, key=lambda path: path.stem)
    }
    profile = load_profile(root)
    rows = git_tables.read_inputs(root, profile)
    own = views.read_views(root / VIEWS, profile)
    return Snapshot(built, own, rows, views.read_sql(root / ADDED))


def _hold_file(root: Path, table: Path) -> Path:
    """Return a second name of a table file, which stays when a build puts a new file in its place.

    DuckDB takes a file's footer and its rows at different moments: 2 of 100 queries that met a
    rename failed. Without hard links the file itself is read.
    """
    if not (root / ".dvc").is_dir():
        return table
    folder = root / ".dvc" / "tmp" / "ispy1" / "read"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _drop_old(folder)
    except OSError:  # a reader needs no disk that can be written
        return table
    while True:
        modified, size, inode = _read_stamp(table)
        held = folder / f"{table.stem}-{inode}-{modified}-{size}.parquet"
        try:
            if not held.exists():
                held.hardlink_to(table)
        except FileExistsError:  # another reader was quicker
            return held
        except OSError:
            return table
        if _read_stamp(held)[2] == inode:
            return held
        held.unlink(missing_ok=True)  # replaced between the look and the link: look again


def _drop_old(folder: Path) -> None:
    """Remove names that alone keep a file alive, a day after it was replaced."""
    for held in folder.iterdir():
        stat = held.stat()
        if stat.st_nlink == 1 and time.time() - stat.st_ctime > HELD_S:
            held.unlink(missing_ok=True)


def take_revision(root: Path, rev: str) -> Snapshot:
    """What the project at `root` held at a git revision; table files come from the DVC cache.

    Raises:
        UserError: unknown revision, one without tables, or a table file that is nowhere.
    """
    revision = git.resolve(root, rev)
    tables = git.find_table_files(root, revision)
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        for path, data in git.read_files_at(root, revision, _UNDER_GIT).items():
            target = Path(folder, path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        profile = _read_profile(Path(folder))
        own = views.read_views(Path(folder, VIEWS), profile)
        rows, added = _read_inputs_of(Path(folder), profile), views.read_sql(Path(folder, ADDED))
        return Snapshot(tables, own, rows, added, str(revision))


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
