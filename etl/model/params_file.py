"""Edit params.yaml as a person would: the values change, the comments and the order stay."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from etl.model.errors import UserError

Value = str | int | float | bool | Mapping[str, object]


def set_params(path: Path, values: Mapping[str, Value]) -> bool:
    """Set values of a params.yaml by dotted name (`phantom.cases`), comments kept.

    The file is written only where a value differs, and replaced in one step.

    Returns:
        Whether the file changed.

    Raises:
        UserError: the file cannot be read, is not YAML, holds no mapping, or cannot be written.
    """
    yaml = _round_trip()
    try:
        text = path.read_bytes().decode("utf-8")
        document = yaml.load(text.replace("\r\n", "\n"))
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        message = f"{path}: cannot be read as YAML ({error}). Restore it with git checkout."
        raise UserError(message) from error
    if not isinstance(document, dict):
        message = f"{path}: holds no mapping. Restore it with git checkout."
        raise UserError(message)
    changed = [_set(document, name.split("."), value, path) for name, value in values.items()]
    if not any(changed):
        return False
    out = io.StringIO()
    yaml.dump(document, out)
    newline = "\r\n" if "\r\n" in text else "\n"
    _replace(path, out.getvalue().replace("\n", newline))
    return True


def _round_trip() -> YAML:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096  # never fold a line that a person wrote
    yaml.indent(mapping=2, sequence=4, offset=2)  # as params.yaml has its lists
    return yaml


def _set(document: dict[str, object], parts: list[str], value: Value, path: Path) -> bool:
    """Set one value below `document`, and say whether it differed."""
    inner: object = document
    for part in parts[:-1]:
        inner = inner.setdefault(part, {}) if isinstance(inner, dict) else None
    if not isinstance(inner, dict):
        message = f"{path}: {'.'.join(parts[:-1])} holds no mapping. Restore it with git checkout."
        raise UserError(message)
    if parts[-1] in inner and inner[parts[-1]] == value:
        return False
    inner[parts[-1]] = value
    return True


def _replace(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with temporary.open("w", encoding="utf-8", newline="") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        shutil.copymode(path, temporary)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        message = f"{path}: cannot be written ({error.strerror}). Make the folder writable."
        raise UserError(message) from error
