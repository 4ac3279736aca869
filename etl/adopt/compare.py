"""Compare what was chosen from the source with what the release holds."""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from etl.adopt.memory import Memory, Signature, is_same, read_signature
from etl.adopt.recognise import Candidate, Identity, identify
from etl.adopt.report import Action, Taken
from etl.model.profile import Profile
from etl.model.release import extension, parse

_BLOCK = 1 << 20
_GZIP_TRAILER = 8


@dataclass(frozen=True, slots=True)
class Item:
    """One file to bring, or one that the release holds already."""

    real: Path  # of the source, without links
    taken: Taken
    signature: Signature  # of the source, before the comparison
    is_packed: bool  # the release holds the same stream under another name


@dataclass(frozen=True, slots=True)
class Present:
    """What the release holds, and the memory of earlier comparisons."""

    folder: Path
    paths: tuple[str, ...]
    paths_by_identity: Mapping[Identity, Sequence[str]]
    memory: Memory


def describe_release(
    folder: Path, paths: tuple[str, ...], profile: Profile, memory: Memory
) -> Present:
    """Return what each file of the release is."""
    paths_by_identity: defaultdict[Identity, list[str]] = defaultdict(list)
    for path in paths:
        paths_by_identity[identify(parse(path, profile), path)].append(path)
    return Present(folder, paths, paths_by_identity, memory)


def compare(chosen: Sequence[Candidate], present: Present) -> tuple[Item, ...]:
    """Return what to do with each chosen file, in the order of the release's paths.

    Args:
        chosen: one candidate per identity.
        present: the release as it is.
    """
    items = (_compare_file(candidate, present) for candidate in chosen)
    return tuple(sorted(items, key=lambda item: item.taken.target))


def _compare_file(candidate: Candidate, present: Present) -> Item:
    file, target = candidate.file, candidate.target
    same_things = present.paths_by_identity.get(candidate.identity, ())
    is_held, twins = target in same_things, [path for path in same_things if path != target]
    try:
        before = read_signature(file.real)
        equal = _find_equal(candidate, before, present, twins if not is_held else None)
    except OSError:
        # One of the two cannot be read. The copy will say which, or mend it.
        before, equal, twins = [], None, []
    action: Action = "replaced" if twins or is_held else "added"
    taken = Taken(
        source=file.path,
        target=equal or target,
        artefact=f"{candidate.name.artefact} {candidate.name.mask or ''}".rstrip(),
        action="unchanged" if equal else action,
        size_bytes=file.size,
        replaces=tuple(twin for twin in twins if twin != equal),
    )
    return Item(file.real, taken, before, is_packed=equal not in {None, target})


def _find_equal(
    candidate: Candidate, before: Signature, present: Present, twins: Sequence[str] | None
) -> str | None:
    """Return the release's file that holds these bytes: its target, or where none is, a twin."""
    if twins is not None:
        packed = (twin for twin in twins if _is_packed(candidate, present.folder / twin))
        return next(packed, None)
    target = present.folder / candidate.target
    is_known = present.memory.get(candidate.target) == (before, read_signature(target))
    return candidate.target if is_known or is_same(candidate.file.real, target) else None


def _is_packed(candidate: Candidate, twin: Path) -> bool:
    """Return whether the release holds the same stream packed: unpacked bytes bring nothing then.

    Compares CRC-32 and length in the gzip trailer with those of the unpacked file.
    """
    if extension(candidate.target) != ".nii" or extension(twin.name) != ".nii.gz":
        return False
    if twin.stat().st_size <= _GZIP_TRAILER:
        return False
    with twin.open("rb") as file:
        file.seek(-_GZIP_TRAILER, 2)
        trailer = file.read()
    crc = size = 0
    with candidate.file.real.open("rb") as file:
        while block := file.read(_BLOCK):
            crc = zlib.crc32(block, crc)
            size += len(block)
    return trailer == crc.to_bytes(4, "little") + (size & 0xFFFFFFFF).to_bytes(4, "little")
