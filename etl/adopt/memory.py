"""Remember which files of the release are known to equal which files of a source.

Without this, a second run would read both sides in full. It may be deleted at any time.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

STATE = ".dvc/tmp/ispy1"  # DVC keeps this folder out of every commit

Signature = list[int]
Memory = dict[str, list[Signature]]  # target -> signatures of source and release file

_BLOCK = 1 << 20


def memory_path(root: Path) -> Path:
    """Where the memory lies: among DVC's temporary files, which no version control sees."""
    return root / STATE / "adopt.json"


def recall(root: Path) -> Memory:
    """The memory of the last adoption; empty where there is none or it is damaged."""
    try:
        loaded = json.loads(memory_path(root).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # only costs time: the files are compared again
    return loaded if isinstance(loaded, dict) else {}


def remember(root: Path, memory: Memory) -> None:
    """Write the memory, in one step."""
    path = memory_path(root)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(memory), encoding="utf-8")
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
