"""JavaScript that is not ours: files of npm packages whose hashes are in browser.lock.

It lies beside the environment, not in the tree: its stages depend on the tree alone.
"""

from __future__ import annotations

import sys
import tarfile
from base64 import b64encode
from collections.abc import Iterable
from hashlib import sha512
from pathlib import Path

VENDOR = Path(sys.prefix, "share", "ispy1")
NIIVUE, AXE = "niivue.umd.js", "axe.min.js"


def unpack(lock: Path, packages: Iterable[Path], target: Path) -> None:
    """Take out of packages the files that the lock names.

    Raises:
        SystemExit: a package has another hash than any of the lock.
    """
    lines = (line.split() for line in lock.read_text().splitlines() if not line.startswith("#"))
    files = {digest: file for _, file, digest in lines}
    target.mkdir(parents=True, exist_ok=True)
    for package in packages:
        digest = f"sha512-{b64encode(sha512(package.read_bytes()).digest()).decode()}"
        if digest not in files:
            message = f"{package.name}: its hash is not in {lock.name}. Nothing of it is used."
            raise SystemExit(message)
        with tarfile.open(package) as archive:
            member = archive.extractfile(f"package/{files[digest]}")
            if member:
                (target / Path(files[digest]).name).write_bytes(member.read())


if __name__ == "__main__":
    unpack(Path(sys.argv[1]), map(Path, sys.argv[2:]), VENDOR)
