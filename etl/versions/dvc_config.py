"""DVC's configuration, of the system, the user and the project."""

from __future__ import annotations

import configparser
from collections.abc import Iterator
from pathlib import Path

from etl.model.errors import UserError


def read_config(root: Path) -> dict[str, tuple[Path, str]]:
    """Return `section.option` of DVC's configuration: the folder of its file, and the value.

    Importing all of DVC to read four small files would cost more than a query.
    """
    from dvc.dirs import global_config_dir, system_config_dir

    files = (
        Path(system_config_dir(), "config"),
        Path(global_config_dir(), "config"),
        root / ".dvc" / "config",
        root / ".dvc" / "config.local",
    )
    merged: dict[str, tuple[Path, str]] = {}
    for path in files:
        if path.is_file():
            merged |= {key: (path.parent, value) for key, value in _read_config(path)}
    return merged


def _read_config(path: Path) -> Iterator[tuple[str, str]]:
    parser = configparser.ConfigParser(
        strict=False, interpolation=None, delimiters=("=",), default_section=""
    )
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        parser.read_string("\n".join(line.strip() for line in lines))
    except (OSError, UnicodeDecodeError, configparser.Error) as error:
        message = f"{path}: no DVC configuration ({' '.join(str(error).split())}). Correct it."
        raise UserError(message) from error
    for section in parser.sections():
        for option, value in parser.items(section):
            yield f"{section.lower()}.{option}", _strip_quotes(value)


def _strip_quotes(value: str) -> str:
    """Return a value as ConfigObj reads it: quotes taken off, a comment behind it left out."""
    if value[:1] in {'"', "'"}:
        return value[1:].partition(value[0])[0]
    return value.partition("#")[0].strip()
