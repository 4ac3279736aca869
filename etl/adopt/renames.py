"""Say in a line or two which files lie in the release under another name or in another place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from etl.adopt.report import Taken, files_text

_SHOWN = 5  # tables that are named one by one


def rename_lines(taken: Sequence[Taken]) -> Iterator[tuple[str, str]]:
    """Pairs of a verb and a text, about the files that were brought now.

    Every root folder and case folder goes on the way, so of images and masks only new names are
    told; of workbooks and other tables also that they were moved.
    """
    brought = [one for one in taken if one.action != "unchanged" and one.artefact != "other"]
    renamed = [one for one in brought if _name(one.source) != _name(one.target)]
    blobs = [one for one in renamed if _is_blob(one)]
    if blobs:
        example = f"e.g. {_name(blobs[0].source)} -> {_name(blobs[0].target)}"
        yield "rename", f"{files_text(len(blobs))}{_additions(blobs)}, {example}"
    for one in [one for one in renamed if not _is_blob(one)][:_SHOWN]:
        yield "rename", f"{one.source} -> {one.target}"
    moved = [one for one in brought if one not in renamed and one.source != one.target]
    for one in [one for one in moved if not _is_blob(one)][:_SHOWN]:
        yield "move", f"{one.source} -> {one.target}"


def _additions(renamed: Sequence[Taken]) -> str:
    """What was put before or after names, with counts: ` (27 got _zscored)`."""
    pairs = ((_stem(one.source), _stem(one.target)) for one in renamed)
    got = Counter(
        new.removesuffix(old) if new.endswith(old) else new.removeprefix(old)
        for old, new in pairs
        if old != new and (new.endswith(old) or new.startswith(old))
    )
    return f" ({', '.join(f'{count} got {part}' for part, count in got.items())})" if got else ""


def _is_blob(one: Taken) -> bool:
    return one.artefact.startswith(("image_", "mask"))


def _name(path: str) -> str:
    return PurePosixPath(path).name


def _stem(path: str) -> str:
    return _name(path).partition(".nii")[0]
