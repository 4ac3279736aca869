"""Hashes of files."""

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
