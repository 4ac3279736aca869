"""By what files are told apart: hashes, and stamps where no byte is to be read."""

from __future__ import annotations

import hashlib
from pathlib import Path


def compute_md5(path: Path) -> str:
    """Return the MD5 of a file's bytes, as DVC 3 has it.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def read_stamp(path: Path) -> tuple[int, int, int]:
    """Return time, size and inode of a file."""
    stat = path.stat()
    return (stat.st_mtime_ns, stat.st_size, stat.st_ino)


def compute_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
