"""Files of a table that is kept as one Parquet file per case.

A worker makes the file of its case; the build leaves it in scratch, named by its MD5, and puts it
in place in the end. A file that is in place, in scratch or in DVC's cache under its MD5 is not made
again.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from etl.model import project
from etl.model.digests import compute_md5
from etl.model.errors import UserError
from etl.model.store import (
    Row,
    list_parts,
    part_path,
    scratch_folder,
    serialize_part,
    write_atomically,
)
from etl.versions import dvc


def make_part(name: str, rows: pa.Table) -> tuple[bytes, Row]:
    """Return the file of a case, and what the table of such files says of it."""
    data = serialize_part(name, rows)
    return data, {"part_md5": _hash(data), "part_bytes": len(data)}


def stage_part(root: Path, data: bytes) -> None:
    """Leave the file of a case in scratch."""
    write_atomically(_name_scratch(root, _hash(data)), lambda path: path.write_bytes(data))


def hash_parts(root: Path, name: str) -> dict[str, str]:
    """Return case -> MD5 of its file as it lies here."""
    parts = list_parts(root / project.TABLES, name)
    return {case_id: compute_md5(path) for case_id, path in parts.items()}


def is_available(root: Path, part_md5: str, in_place: Mapping[str, str]) -> bool:
    """Return whether a file need not be made: it lies here, in scratch, or in DVC's cache."""
    others = (_name_scratch(root, part_md5), dvc.name_cache_path(root, part_md5))
    return part_md5 in in_place.values() or any(path.is_file() for path in others)


def place_parts(
    root: Path, name: str, part_md5s: Mapping[str, str], in_place: Mapping[str, str]
) -> None:
    """Put the files of a table in place, those that are there already are left as they are.

    Args:
        root: the project.
        name: the table.
        part_md5s: case -> MD5 of its file; files of other cases are removed.
        in_place: case -> MD5 of its file as it lies here.

    Raises:
        UserError: the disk refuses.
    """
    changed = {c: md5 for c, md5 in part_md5s.items() if in_place.get(c) != md5}
    folder = root / project.TABLES
    try:
        # Two cases may take each other's file: all are in scratch before one is written over.
        for part_md5 in set(changed.values()):
            _bring_to_scratch(root, name, part_md5, in_place)
        for case_id, part_md5 in changed.items():
            staged = _name_scratch(root, part_md5)
            target = part_path(folder, name, case_id)
            write_atomically(target, lambda path, source=staged: shutil.copyfile(source, path))
        for case_id in in_place.keys() - part_md5s.keys():
            shutil.rmtree(part_path(folder, name, case_id).parent)
        if not part_md5s:
            shutil.rmtree(folder / name, ignore_errors=True)
        shutil.rmtree(_name_scratch(root, "").parent, ignore_errors=True)
    except OSError as error:
        message = f"{folder / name}: cannot be written ({error.strerror}). Check disk and rights."
        raise UserError(message) from error


def _bring_to_scratch(root: Path, name: str, part_md5: str, in_place: Mapping[str, str]) -> None:
    staged = _name_scratch(root, part_md5)
    if staged.is_file():
        return
    cases = [case_id for case_id, md5 in in_place.items() if md5 == part_md5]
    source = dvc.name_cache_path(root, part_md5)
    if cases:
        source = part_path(root / project.TABLES, name, cases[0])
    write_atomically(staged, lambda path: shutil.copyfile(source, path))


def _hash(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _name_scratch(root: Path, part_md5: str) -> Path:
    return scratch_folder(root) / "parts" / f"{part_md5}.parquet"
