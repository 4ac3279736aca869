"""What lies in a release and is no file that can be read: DVC would wait for it, or end with it."""

from __future__ import annotations

import os
import re
from pathlib import Path

from etl.model.release import NO_FILE, NO_NAME
from etl.model.store import write_text

IGNORE = ".dvcignore"
_HEAD = "# Made by ispy1: what DVC cannot read (pipes, devices, names that are no UTF-8).\n"


def find_odd_files(release: Path) -> dict[str, str]:
    """Return path inside the release -> mark, of pipes, devices, sockets and names no UTF-8."""
    marks: dict[str, str] = {}
    for parent, folders, names in os.walk(release):
        for name in (*folders, *names):
            path = Path(parent, name)
            if not _is_text(name):
                marks[path.relative_to(release).as_posix()] = NO_NAME
            elif path.exists() and not (path.is_file() or path.is_dir()):
                marks[path.relative_to(release).as_posix()] = NO_FILE
        folders[:] = [name for name in folders if _is_text(name)]
    return marks


def ignore_odd_files(release: Path) -> dict[str, str]:
    """Let DVC pass over the odd files of a release, by a list beside it; return them."""
    marks = find_odd_files(release)
    path = release.parent / IGNORE
    if marks:
        text = _HEAD + "".join(f"/{release.name}/{_escape_pattern(odd)}\n" for odd in sorted(marks))
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            write_text(path, text)
    elif path.is_file() and path.read_text(encoding="utf-8").startswith(_HEAD):
        path.unlink()
    return marks


def show_path(path: str) -> str:
    """Return a path as text; bytes that are no UTF-8 stand there as hex digits."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _is_text(name: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in name)


def _escape_pattern(path: str) -> str:
    """Return the line of .dvcignore that matches this path: `?` for what a line cannot hold."""
    pattern = re.sub(r"[\ud800-\udfff\x00-\x1f]", "?", path)
    return re.sub(r"([\\*\[!# ])", r"\\\1", pattern)
