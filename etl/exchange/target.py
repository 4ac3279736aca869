"""What every tool's module takes and gives, and how it puts a file of the release in place."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Literal, get_args

from etl.model.errors import UserError
from etl.model.project import release_path
from etl.model.store import write_atomically, write_text

NAMES = ("images", "masks", "copy", "dicom", "sound")  # of the options that only some tools take
Copy = Literal["symlink", "hardlink", "copy"]
COPIES: tuple[Copy, ...] = get_args(Copy)  # each is tried where the one before is refused


@dataclass(frozen=True, slots=True)
class Options:
    """What a person may say of an export.

    `copy`: how files of the release get there. `dicom`: a folder with series of the trial. `sound`:
    leave cases out that break a critical contract.
    """

    images: str | None = None
    masks: str | None = None
    copy: str | None = None
    dicom: Path | None = None
    sound: bool | None = None
    force: bool = False
    progress: Callable[[int, int], None] = lambda _done, _total: None

    @property
    def stated(self) -> set[str]:
        """The options of single tools that were given."""
        return {name for name in NAMES if getattr(self, name) is not None}


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written, without the single files of cases, sentences about it, and the cases."""

    paths: Sequence[Path]
    notes: Sequence[str] = ()
    cases: Sequence[str] = ()


def require_folder(root: Path) -> Path:
    """Return the folder of the release.

    Raises:
        UserError: the release is at an address.
    """
    release = release_path(root)
    if not isinstance(release, Path):
        message = f"The release is at {release}; this export takes files of a folder. Copy it here."
        raise UserError(message)
    return release.resolve()


def parse_copy(text: str | None) -> Copy:
    """Return how files get there.

    Raises:
        UserError: an unknown word.
    """
    copy = next((name for name in COPIES if name == (text or COPIES[0])), None)
    if copy is None:
        message = f"--copy {text}: expected {', '.join(COPIES)}."
        raise UserError(message)
    return copy


def put_in_place(source: Path, target: Path, copy: Copy) -> Copy:
    """Link or copy a file, whole or not at all; return what the file system let us do.

    One that is to be compressed is written.
    """
    if source.suffix != target.suffix:
        content = gzip.compress(source.read_bytes(), mtime=0)
        write_atomically(target, lambda path: path.write_bytes(content))
        return "copy"
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_name(f".{target.name}.part")
    links: dict[Copy, Callable[[], None]] = {
        "symlink": lambda: fresh.symlink_to(source),
        "hardlink": lambda: os.link(source.resolve(), fresh),
    }
    for kind in COPIES[COPIES.index(copy) : -1]:
        fresh.unlink(missing_ok=True)
        try:
            links[kind]()
        except OSError:  # this file system has no such links
            continue
        fresh.replace(target)
        fresh.unlink(missing_ok=True)  # it stays where both were one file already
        return kind
    write_atomically(target, lambda path: shutil.copyfile(source, path))
    return "copy"


def write_json(path: Path, content: object) -> Path:
    """Write a JSON file, whole or not at all; return its path."""
    return write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def list_reasons(reasons: Iterable[tuple[str, str]]) -> list[str]:
    """Return a line per reason with the cases that it holds for: `left out (reason): cases`."""
    by_reason = groupby(sorted((reason, case_id) for case_id, reason in reasons), lambda r: r[0])
    return [f"left out ({reason}): {', '.join(c for _, c in cases)}" for reason, cases in by_reason]
