"""DVC's list of who reads and who writes what, which a killed build may leave cut short."""

from __future__ import annotations

import json
from pathlib import Path

from etl.versions.dvc_config import read_config

RWLOCK = ".dvc/tmp/rwlock"


def has_damaged_lock(root: Path) -> bool:
    """Return whether DVC's list of who reads and writes is cut short: no `dvc repro` runs then.

    A killed build or a full disk leaves it so (dvc 7615).
    """
    try:
        return not isinstance(json.loads((root / RWLOCK).read_bytes()), dict)
    except FileNotFoundError:
        return False
    except (OSError, ValueError):
        return True


def remove_damaged_lock(root: Path) -> bool:
    """Remove that list where it is damaged and no process of DVC is writing it; say whether."""
    if not has_damaged_lock(root):
        return False
    from dvc.lock import LockError, make_lock

    path = root / RWLOCK
    hardlink = read_config(root).get("core.hardlink_lock", (root, "false"))[1].lower() == "true"
    try:
        with make_lock(f"{path}.lock", tmp_dir=str(path.parent), hardlink_lock=hardlink):
            is_damaged = has_damaged_lock(root)
            if is_damaged:
                path.unlink()
            return is_damaged
    except LockError:
        return False
