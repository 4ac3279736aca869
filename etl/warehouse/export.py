"""The warehouse for people without the project: Parquet, one DuckDB file, dictionary, lists."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import duckdb

from etl.model.errors import UserError
from etl.model.locks import lock_handle
from etl.model.project import refuse_inputs, release_path
from etl.model.store import list_parts, part_path, require_tables, write_atomically, write_text
from etl.read.source import show_address
from etl.text import output
from etl.warehouse import dictionary
from etl.warehouse.connect import Snapshot, build, fetch_rows, literal, take_working_tree
from etl.warehouse.dialects.parts import PARQUET
from etl.warehouse.dialects.scripts import Dialect, write_for

if TYPE_CHECKING:
    from etl.model.address import Folder

FilesFormat = Literal["json", "csv"]
FILES_FORMATS: tuple[FilesFormat, ...] = ("json", "csv")
DATABASE = "warehouse.duckdb"
LOCK = ".export.lock"  # in the folder, as long as an export writes there
STORAGE = "v1.2.0"  # drivers of DBeaver, R and Tableau lag behind; 1.0 misreads lists of text
LABEL = "mask_stv_manual_path"
IMAGES = ("image_zscored_0_path", "image_zscored_1_path", "image_zscored_2_path")
_FILES = """
select case_files.*, splits.fold
from case_files
left join inputs.splits as splits on case_files.case_id = splits.case_id
order by case_files.case_id
"""


def export(
    root: Path,
    target: Path,
    *,
    files: Iterable[FilesFormat] = (),
    dialect: Dialect | None = None,
    force: bool = False,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> list[Path]:
    """Write the warehouse into a folder; return the files that were written.

    `parquet/<table>.parquet` are copies of the tables (of one file per case: a folder),
    `warehouse.duckdb` holds tables, views and comments and needs no other file,
    `data_dictionary.md` and `.csv` say what they mean.

    Args:
        root: the project.
        target: the folder; made where it does not exist.
        files: lists of the files of each case for training, in these forms: `files.json` as MONAI
            reads it, `files.csv` for nnU-Net's converters and everything else.
        dialect: write for this engine: beside the Parquet files one script `views.<dialect>.sql`
            and what it reads, in the place of `warehouse.duckdb` and the dictionary.
        force: write into a folder that holds something; what is there and not written stays.
        progress: called with files written and files to write.

    Raises:
        UserError: the folder holds something or is the project's, another export writes into it,
            nothing is built, or the disk refuses.
    """
    with open_target(root, target, force=force) as snapshot:
        copies = list(copy_tables(snapshot, target / PARQUET, progress))
        if dialect:
            return [*copies, *write_for(snapshot, target, dialect)]
        return [*copies, *_write_database_files(root, snapshot, target, files)]


@contextmanager
def open_target(root: Path, target: Path, *, force: bool) -> Iterator[Snapshot]:
    """Hold a folder that is to be written to, and yield what is built.

    Raises:
        UserError: as export().
    """
    refuse_inputs(root, target, ())
    require_tables(root)
    snapshot = take_working_tree(root)
    with hold_folder(target):
        _refuse_full(target, force=force)
        yield snapshot


@contextmanager
def hold_folder(target: Path) -> Iterator[None]:
    """Hold the folder against a second export; its lock goes when its holder ends or is killed."""
    lock = target / LOCK
    if target.exists() and not target.is_dir():
        message = f"{target}: is a file. Name a folder, which is made where it does not exist."
        raise UserError(message)
    try:
        target.mkdir(parents=True, exist_ok=True)
        with lock.open("a") as handle:
            lock_handle(handle.fileno(), wait=False)
            if not lock.exists() or not os.path.samestat(lock.stat(), os.fstat(handle.fileno())):
                raise BlockingIOError  # noqa: TRY301  its holder ended while we opened it
            try:
                yield
            finally:
                lock.unlink(missing_ok=True)
    except BlockingIOError as error:
        message = f"{target}: another export writes here. Wait until it ends, or name a new folder."
        raise UserError(message) from error
    except OSError as error:
        message = f"{target}: cannot be written ({error.strerror or error}). Check disk and rights."
        raise UserError(message) from error


def _refuse_full(target: Path, *, force: bool) -> None:
    if not force and any(path.name != LOCK for path in target.iterdir()):
        message = f"{target}: is not empty. Name a new folder, or add --force to write into it."
        raise UserError(message)


def _write_database_files(
    root: Path, snapshot: Snapshot, target: Path, files: Iterable[FilesFormat]
) -> Iterator[Path]:
    yield _write_database(snapshot, target / DATABASE)
    yield from _write_dictionary(target / DATABASE, target)
    for form in files:
        yield _write_files(root, target / DATABASE, target, form)


def copy_tables(
    snapshot: Snapshot,
    folder: Path,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> Iterator[Path]:
    """Copy the table files of a snapshot into a folder; yield each copy."""
    copies = {folder / f"{name}.parquet": path for name, path in snapshot.tables.items()}
    for name, folder_held in snapshot.parts.items():
        parts = list_parts(Path(folder_held).parent, name, Path(folder_held).name).items()
        copies |= {part_path(folder, name, case_id): path for case_id, path in parts}
    for done, (copy, path) in enumerate(copies.items(), 1):
        write_atomically(copy, lambda target, source=path: shutil.copyfile(source, target))
        progress(done, len(copies) + 1)  # what is made of them follows
        yield copy


def _write_database(snapshot: Snapshot, path: Path) -> Path:
    def fill(target: Path) -> None:
        target.unlink()  # DuckDB makes the file itself and refuses an empty one
        with duckdb.connect() as connection:
            connection.execute(
                f"attach {literal(str(target))} as warehouse (storage_version '{STORAGE}'); "
                "use warehouse"
            )
            build(connection, snapshot, storage="table")

    write_atomically(path, fill)
    return path


def _write_dictionary(database: Path, folder: Path) -> Iterator[Path]:
    with duckdb.connect(str(database), read_only=True) as connection:
        text = "\n".join(dictionary.markdown(connection)) + "\n"
        cells = "".join(output.format_csv(dictionary.ROW_COLUMNS, dictionary.rows(connection)))
    for name, content in (("data_dictionary.md", text), ("data_dictionary.csv", cells)):
        yield write_text(folder / name, content)


def _write_files(root: Path, database: Path, folder: Path, form: FilesFormat) -> Path:
    cases = list(list_case_files(database, release_path(root).resolve()))
    if form == "json":
        text = json.dumps(make_datalist(cases), indent=2, ensure_ascii=False) + "\n"
        return write_text(folder / "files.json", text)
    paths = [name for case in cases[:1] for name in case if name.endswith("_path")]
    columns = ("case_id", "fold", *paths)
    rows = ([case[name] for name in columns] for case in cases)
    return write_text(folder / "files.csv", "".join(output.format_csv(columns, rows)))


def list_case_files(database: Path, release: Folder) -> Iterator[dict[str, Any]]:
    """Yield one dict a case: case_id, fold, and the absolute path of each file (None where absent).

    A user's own mask sets come as `mask_<name>_path` beside the declared ones.
    """
    with duckdb.connect(str(database), read_only=True) as connection:
        rows = fetch_rows(connection.execute(_FILES))
    own_sets = sorted({name for row in rows for name in row["own_mask_paths"] or {}})
    for row in rows:
        paths = row.pop("own_mask_paths") or {}
        row |= {f"mask_{name}_path": paths.get(name) for name in own_sets}
        yield {k: _make_absolute(release, v) if k.endswith("_path") else v for k, v in row.items()}


def _make_absolute(release: Folder, path: str | None) -> str | None:
    if not path:
        return None
    return str(release / path) if isinstance(release, Path) else show_address(release, path)


def make_datalist(cases: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return MONAI's decathlon form: three z-scored phases as channels, the expert's mask.

    Cases without all four files are left out; the CSV form lists them.
    """
    training = [
        {
            "case_id": case["case_id"],
            "image": [case[name] for name in IMAGES],
            "label": case[LABEL],
            "fold": case["fold"],
        }
        for case in cases
        if all(case[name] for name in (*IMAGES, LABEL))
    ]
    return {
        "name": "ISPY1 DCE-MRI",
        "description": "z-scored DCE phases 0, 1, 2; expert structural tumour volume",
        "tensorImageSize": "3D",
        "modality": {"0": "DCE phase 0", "1": "DCE phase 1", "2": "DCE phase 2"},
        "labels": {"0": "background", "1": "tumour"},
        "numTraining": len(training),
        "training": training,
    }
