"""Remember which files of the release are known to equal which files of a source.

Without this, a second run would read both sides in full, and could not tell what vanished from a
source. It may be deleted at any time.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

STATE = ".dvc/tmp/ispy1"  # DVC keeps this folder out of every commit

Signature = list[int]

_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of one file of the release.

    `source` and `target` are the signatures of two files that were equal, empty where none are.
    `origins` are the absolute paths that its content was taken from or found at, the newest last.
    """

    source: Signature
    target: Signature
    origins: tuple[str, ...] = ()


Memory = dict[str, Seen]  # by the path in the release


def memory_path(root: Path) -> Path:
    """Where the memory lies: among DVC's temporary files, which no version control sees."""
    return root / STATE / "adopt.json"


def recall(root: Path) -> Memory:
    """The memory of earlier adoptions; empty where there is none, without what is damaged."""
    try:
        loaded = json.loads(memory_path(root).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # only costs time: the files are compared again
    entries = loaded.items() if isinstance(loaded, dict) else ()
    known = ((target, _seen(entry)) for target, entry in entries)
    return {target: seen for target, seen in known if seen is not None}


def _seen(entry: object) -> Seen | None:
    """An entry of the file, or None where it is not one (of an older form, perhaps)."""
    match entry:
        case {"source": list(source), "target": list(target), "origins": list(origins)}:
            return Seen(source, target, tuple(path for path in origins if isinstance(path, str)))
    return None


def remember(root: Path, memory: Memory) -> None:
    """Write the memory, in one step."""
    path = memory_path(root)
    temporary = path.with_suffix(".tmp")
    entries = {target: asdict(seen) for target, seen in memory.items()}
    temporary.write_text(json.dumps(entries), encoding="utf-8")
    temporary.replace(path)


def signature(path: Path) -> Signature:
    """What changes when a file does. The change time cannot be set back by a program."""
    return of_stat(path.stat())


def of_stat(info: os.stat_result) -> Signature:
    """The signature of a file from its status."""
    return [info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns]


def is_same(source: Path, target: Path) -> bool:
    """Whether two files hold the same bytes."""
    if source.stat().st_size != target.stat().st_size:
        return False
    with source.open("rb") as one, target.open("rb") as other:
        while block := one.read(_BLOCK):
            if block != other.read(_BLOCK):
                return False
        return not other.read(1)
