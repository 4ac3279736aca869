"""`ispy1 idc`: cut the trial's series out of the index of the Imaging Data Commons.

The index lists every series of every collection: a million rows, 74 MB. A release needs one
collection's rows and 18 columns of them: half a MB, which DVC tracks with the release. So a build
needs the slice, and not the package that the index comes in.
"""

from __future__ import annotations

import contextlib
import importlib.util
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from etl.adopt.place import lock_release
from etl.adopt.recognise import SLICE
from etl.adopt.scan import list_files
from etl.adopt.which_profile import DEFAULT_PROFILE, load_asked_profile
from etl.model import project
from etl.model.errors import UserError
from etl.model.profile import Profile, load_profile
from etl.model.store import write_atomically
from etl.read.idc import COLUMNS, cut_error, find_missing_columns
from etl.versions.track import TARGET, add_release, tracking_file

PACKAGE = "idc_index_data"  # PyPI: idc-index-data
INDEX = "idc_index.parquet"
VERSION_KEY = b"idc_index_data_version"  # in the footer of the index, and of a slice
GET_PACKAGE = "pip install idc-index-data"
_COLLECTION = "collection_id"
_SORT = "SeriesInstanceUID"
_UNREADABLE = (
    OSError, LookupError, ValueError, RuntimeError, EOFError, pa.ArrowException,
    zipfile.BadZipFile, zlib.error,
)  # fmt: skip
_LEVEL = 19  # zstd: the smallest, and still half a second


@dataclass(frozen=True, slots=True)
class Cut:
    """What was cut, and where it lies."""

    index: str
    index_version: str | None
    collection: str
    profile: str
    path: str
    subjects: int
    studies: int
    series: int
    size_bytes: int
    is_changed: bool
    is_tracked: bool  # it lies in the release, and DVC was told

    def as_dict(self) -> dict[str, Any]:
        """Return the report for machines."""
        return asdict(self)


def cut(
    root: Path,
    index: Path | None = None,
    *,
    output: Path | None = None,
    profile: str | None = None,
) -> Cut:
    """Cut the collection of a profile out of the index.

    Args:
        root: the project.
        index: `idc_index.parquet`, or the wheel that holds it; default: the installed package.
        output: a file to write in place of the release's; DVC is not told of it.
        profile: the data set; default: the release's, and for an output the public release's.

    Raises:
        UserError: no index, no release to put the slice in, or the collection is not there.
    """
    chosen, collection = _choose_profile(root, profile, output)
    source = index or _find_installed()
    if output:
        project.refuse_inputs(root, output, [source])
    target = output or _find_target(root, chosen)
    table = _read_rows(source, collection)
    with contextlib.nullcontext() if output else lock_release(root):
        is_changed = _write(table, target)
        if not output:
            add_release(root, "idc")
    version = (table.schema.metadata or {}).get(VERSION_KEY)
    return Cut(
        index=str(source),
        index_version=version.decode() if version else None,
        collection=collection,
        profile=chosen.name,
        path=str(target),
        subjects=len(table["PatientID"].unique()),
        studies=len(table["StudyInstanceUID"].unique()),
        series=table.num_rows,
        size_bytes=target.stat().st_size,
        is_changed=is_changed,
        is_tracked=not output,
    )


def _choose_profile(root: Path, name: str | None, output: Path | None) -> tuple[Profile, str]:
    """Return the profile whose collection is cut, and that collection.

    Raises:
        UserError: it names none, as that of the phantom does not.
    """
    profile = load_asked_profile(root, name) if name else load_profile(root)
    if name is None and output is not None and profile.idc_collection is None:
        profile = load_profile(root, DEFAULT_PROFILE)
    if profile.idc_collection is None:
        made = "The phantom comes with its own slice. " if profile.is_phantom else ""
        message = (
            f"profile {profile.name}: names no collection of the Imaging Data Commons. {made}"
            "Run `ispy1 adopt FOLDER` on your download first, or write the slice to a file with "
            f"--output FILE --profile {DEFAULT_PROFILE}."
        )
        raise UserError(message)
    return profile, profile.idc_collection


def _find_target(root: Path, profile: Profile) -> Path:
    """Return where the slice lies in the release.

    Raises:
        UserError: the project reads another folder, or the release is not here.
    """
    release = root / TARGET
    if project.release_path(root) != release:
        message = (
            f"{root / project.PARAMS}: reads {project.param(root, 'release')}, not {TARGET}. Run "
            "`ispy1 adopt FOLDER` on your download first, or write the slice with --output FILE."
        )
        raise UserError(message)
    if not any(list_files(release)):
        pull = tracking_file(root).is_file()
        todo = f"dvc pull {TARGET}" if pull else "ispy1 adopt FOLDER"
        message = f"{release}: holds no release. Run `{todo}` first."
        raise UserError(message)
    if SLICE not in profile.files:
        message = (
            f"profile {profile.name}: names no file {SLICE}. Name one under `files`, or write the "
            "slice with --output FILE."
        )
        raise UserError(message)
    return release / profile.files[SLICE][0]


def _find_installed() -> Path:
    """Return the index of the installed package, found without importing it.

    Raises:
        UserError: it is not installed, or holds no index.
    """
    package = importlib.util.find_spec(PACKAGE)
    for folder in (package.submodule_search_locations or ()) if package else ():
        path = Path(folder) / INDEX
        if path.is_file():
            return path
    message = (
        "the index of the Imaging Data Commons is not installed. Run "
        f"`{GET_PACKAGE}`, or name an {INDEX} or the wheel that holds it."
    )
    raise UserError(message)


def _read_rows(source: Path, collection: str) -> pa.Table:
    """Return the collection's series in the columns of a slice, sorted.

    Raises:
        UserError: the file is no index, or does not hold the collection.
    """
    try:
        with _open_index(source) as file:
            _check_columns(source, pq.read_schema(file).names)
            rows = [(_COLLECTION, "==", collection)]
            table = pq.read_table(file, partitioning=None, columns=list(COLUMNS), filters=rows)
    except _UNREADABLE as error:
        message = (
            f"{source}: cannot be read as an index ({cut_error(error)}). Expected "
            f"the {INDEX} of idc-index-data, or its wheel: `{GET_PACKAGE}`."
        )
        raise UserError(message) from error
    if not table.num_rows:
        message = f"{source}: holds no series of {collection}. Take the index of all collections."
        raise UserError(message)
    return _normalize(source, table)


def _normalize(source: Path, series: pa.Table) -> pa.Table:
    """Return the rows of a slice: plain types, sorted, the index's version in the footer."""
    version = (series.schema.metadata or {}).get(VERSION_KEY)
    schema = pa.schema(list(COLUMNS.items()), {VERSION_KEY: version} if version else None)
    try:
        table = series.select(list(COLUMNS)).cast(schema).replace_schema_metadata(schema.metadata)
    except pa.ArrowException as error:
        message = (
            f"{source}: a column is of another type ({cut_error(error)}). Take another version "
            "of idc-index-data."
        )
        raise UserError(message) from error
    return table.sort_by(_SORT).combine_chunks()


@contextlib.contextmanager
def _open_index(source: Path) -> Iterator[Any]:
    """Open the index file, or the one in a wheel, for Arrow to read."""
    if not zipfile.is_zipfile(source):
        with pa.memory_map(str(source)) as file:
            yield file
        return
    with zipfile.ZipFile(source) as wheel:
        yield pa.BufferReader(wheel.read(f"{PACKAGE}/{INDEX}"))


def _check_columns(source: Path, names: list[str]) -> None:
    missing = find_missing_columns(names)
    if _COLLECTION not in names:
        missing.insert(0, _COLLECTION)
    if missing:
        message = (
            f"{source}: has no column {', '.join(missing)}. Expected the {INDEX} of "
            f"idc-index-data 25 or later: `{GET_PACKAGE}`."
        )
        raise UserError(message)


def _write(table: pa.Table, path: Path) -> bool:
    """Write the slice; False where the file holds these bytes already."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", compression_level=_LEVEL)
    content = sink.getvalue().to_pybytes()
    if path.is_file() and path.read_bytes() == content:
        return False
    write_atomically(path.resolve(), lambda target: target.write_bytes(content))
    return True
