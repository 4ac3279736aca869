"""Remember which files of the release are known to equal which files of a source.

Without this, a second run would read both sides in full. It may be deleted at any time.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

STATE = ".dvc/tmp/ispy1"  # DVC keeps this folder out of every commit

Signature = list[int]
# By the path in the release: the signatures of a source's file and of the release's, which were
# equal. The first is empty where no file of a source equals it.
Memory = dict[str, tuple[Signature, Signature]]

_BLOCK = 1 << 20


def memory_path(root: Path) -> Path:
    """Return where the memory lies: among DVC's temporary files, which no version control sees."""
    return root / STATE / "adopt.json"


def load_memory(root: Path) -> Memory:
    """Return the memory of earlier adoptions without what is damaged; empty where there is none."""
    try:
        loaded = json.loads(memory_path(root).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # only costs time: the files are compared again
    memory: Memory = {}
    for path, entry in loaded.items() if isinstance(loaded, dict) else ():
        match entry:  # other entries are of an older form, perhaps
            case {"source": list(source), "target": list(target)}:
                memory[path] = source, target
    return memory


def save_memory(root: Path, memory: Memory) -> None:
    """Write the memory, in one step."""
    path = memory_path(root)
    temporary = path.with_suffix(".tmp")
    entries = {name: {"source": old, "target": new} for name, (old, new) in memory.items()}
    temporary.write_text(json.dumps(entries), encoding="utf-8")
    temporary.replace(path)


def read_signature(path: Path) -> Signature:
    """Return what changes when a file does. The change time cannot be set back by a program."""
    return make_signature(path.stat())


def make_signature(info: os.stat_result) -> Signature:
    """Return the signature of a file from its status."""
    return [info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns]


def is_same(source: Path, target: Path) -> bool:
    """Return whether two files hold the same bytes."""
    if source.stat().st_size != target.stat().st_size:
        return False
    with source.open("rb") as source_file, target.open("rb") as target_file:
        while block := source_file.read(_BLOCK):
            if block != target_file.read(_BLOCK):
                return False
        return not target_file.read(1)
