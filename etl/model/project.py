"""Where the project is, and what its params.yaml says."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from etl.model.address import is_address, normalize_name, open_address
from etl.model.errors import UserError

if TYPE_CHECKING:
    from etl.model.address import Folder

PARAMS = "params.yaml"
TABLES = "data/tables"
GATE = "data/gate"  # what the gate makes of them: DVC wants a folder of its own for each stage
INDEX = "data/index"
REPRO_PROCESS = "ISPY1_REPRO"  # variable: the `ispy1 repro` that a stage works for, and ends with
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast; every wheel has it
# Folders and files that answers are made of; none of them takes an answer.
MADE_OF = ("data", "sql", "expectations", "splits.csv", PARAMS)


def find_root(start: Path | None = None) -> Path:
    """Return the nearest folder upward from `start` (default: here) that holds a dvc.yaml.

    Raises:
        UserError: no such folder.
    """
    folder_here = (start or Path.cwd()).resolve()
    for folder in (folder_here, *folder_here.parents):
        if (folder / "dvc.yaml").is_file() and (folder / PARAMS).is_file():
            return folder
    message = (
        f"{folder_here}: no ispy1 project here or above (looked for dvc.yaml beside {PARAMS}). "
        "Run the command inside a checkout of the project."
    )
    raise UserError(message)


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the mapping in a YAML file.

    Raises:
        UserError: the file is missing, is not YAML, or holds no mapping.
    """
    try:
        loaded = yaml.load(path.read_text(encoding="utf-8"), _LOADER)  # noqa: S506  a safe loader
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        message = f"{path}: cannot be read as YAML ({error}). Restore it with git checkout."
        raise UserError(message) from error
    if not isinstance(loaded, dict):
        message = f"{path}: holds no mapping. Restore it with git checkout."
        raise UserError(message)
    return loaded


@functools.lru_cache(maxsize=8)
def params(root: Path) -> dict[str, Any]:
    """Return what params.yaml says (one read a process)."""
    return read_yaml(root / PARAMS)


def param(root: Path, dotted: str) -> Any:  # noqa: ANN401  a YAML value is of any type
    """Return one value of params.yaml by its dotted name, such as `phantom.cases`.

    Raises:
        UserError: params.yaml does not hold it.
    """
    value: Any = params(root)
    for part in dotted.split("."):
        if not isinstance(value, dict) or part not in value:
            message = f"{root / PARAMS}: {dotted} is missing. Restore the file with git checkout."
            raise UserError(message)
        value = value[part]
    return value


def release_name(root: Path) -> str:
    """Return how params.yaml names the release: a folder of the project, or an address."""
    return normalize_name(str(param(root, "release")))


def release_path(root: Path) -> Folder:
    """Return the release that params.yaml names: a folder of the project, or one elsewhere.

    Raises:
        UserError: an address that cannot be opened here.
    """
    name = release_name(root)
    return open_address(name) if is_address(name) else root / name


def refuse_inputs(root: Path, output: Path, read: Iterable[Path]) -> None:
    """Refuse to write over what the same command reads, or into what the project is made of.

    Args:
        root: the project.
        output: where the answer goes.
        read: files of the user's own that the command reads.

    Raises:
        UserError: the output is one of them, under whatever name, or lies in one.
    """
    target = output.resolve()
    release = () if is_address(release_name(root)) else (root / release_name(root),)
    for path in (*read, *release, *(root / name for name in MADE_OF)):
        is_same = path.exists() and output.exists() and output.samefile(path)
        if is_same or target.is_relative_to(path.resolve()):
            message = f"{output}: the command reads {path}; it is not written over. Choose another."
            raise UserError(message)
