"""Compare what was chosen from the source with what the release holds: what is there to do."""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from etl.adopt.memory import Memory, Signature, is_same, signature
from etl.adopt.recognise import Candidate, Identity, identity
from etl.adopt.report import Action, Missing
from etl.model.profile import Profile
from etl.model.release import extension, list_blobs_of_case, parse

_BLOCK = 1 << 20
_GZIP_TRAILER = 8
SLICE = "acquisitions"  # the artefact that no download has


@dataclass(frozen=True, slots=True)
class Item:
    """One file to bring. `replaces` are files of the release that are the same thing elsewhere."""

    candidate: Candidate
    target: str
    action: Action
    source_signature: Signature  # taken before the comparison
    replaces: tuple[str, ...] = ()


def compare(
    chosen: Sequence[Candidate], release: Path, present: Collection[str], known: Present
) -> tuple[Item, ...]:
    """What to do with each chosen file, in the order of the release's paths.

    Args:
        chosen: one candidate an identity.
        release: the folder of the release.
        present: the files it holds, relative.
        known: what those files are, and which of them equal which file of a source.
    """
    items = [_item_or_try(candidate, release, present, known) for candidate in chosen]
    return tuple(sorted(items, key=lambda item: item.target))


def _item_or_try(
    candidate: Candidate, release: Path, present: Collection[str], known: Present
) -> Item:
    try:
        return _item(candidate, release, present, known)
    except OSError:
        # One of the two cannot be read. The copy will say which, or mend it.
        action: Action = "replaced" if candidate.target in present else "added"
        return Item(candidate, candidate.target, action, [])


@dataclass(frozen=True, slots=True)
class Present:
    """What the files of the release are, and the memory of earlier comparisons."""

    by_identity: Mapping[Identity, tuple[str, ...]]
    memory: Memory


def known_files(present: Iterable[str], profile: Profile, memory: Memory) -> Present:
    """What each file of the release is."""
    by_identity: defaultdict[Identity, list[str]] = defaultdict(list)
    for path in present:
        by_identity[identity(parse(path, profile), path)].append(path)
    return Present({key: tuple(paths) for key, paths in by_identity.items()}, memory)


def _item(candidate: Candidate, release: Path, present: Collection[str], known: Present) -> Item:
    target = candidate.target
    seen = signature(candidate.found.real)
    twins = [path for path in known.by_identity.get(candidate.identity, ()) if path != target]
    if target in present and _is_unchanged(candidate, seen, release, known.memory):
        return Item(candidate, target, "unchanged", seen, tuple(twins))
    if target not in present:
        packed = next((twin for twin in twins if _is_packed(candidate, release / twin)), None)
        if packed is not None:
            others = tuple(twin for twin in twins if twin != packed)
            return Item(candidate, packed, "unchanged", seen, others)
    action: Action = "replaced" if twins or target in present else "added"
    return Item(candidate, target, action, seen, tuple(twins))


def _is_unchanged(candidate: Candidate, seen: Signature, release: Path, memory: Memory) -> bool:
    target = release / candidate.target
    known = memory.get(candidate.target)
    if known and [known.source, known.target] == [seen, signature(target)]:
        return True
    return is_same(candidate.found.real, target)


def _is_packed(candidate: Candidate, twin: Path) -> bool:
    """Whether the release holds the same stream packed: then unpacked bytes bring nothing.

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
    with candidate.found.real.open("rb") as file:
        while block := file.read(_BLOCK):
            crc = zlib.crc32(block, crc)
            size += len(block)
    return trailer == crc.to_bytes(4, "little") + (size & 0xFFFFFFFF).to_bytes(4, "little")


def not_in_source(
    present: Iterable[str], items: Iterable[Item], undecided: Collection[Identity], scope: Scope
) -> tuple[str, ...]:
    """Files of the release that the source does not have. What was refused is there."""
    kept = {item.target for item in items} | {path for item in items for path in item.replaces}
    return tuple(
        path
        for path in present
        if path not in kept and path.startswith(scope.folder) and scope.may_go(path, undecided)
    )


@dataclass(frozen=True, slots=True)
class Scope:
    """The part of the release that an adoption speaks about: all of it, or one mask set."""

    profile: Profile
    mask_set: str | None

    @property
    def folder(self) -> str:
        """How the paths of the part begin."""
        if self.mask_set is None:
            return ""
        return f"{self.profile.mask_folder_prefix}{self.mask_set}/"

    def may_go(self, path: str, undecided: Collection[Identity]) -> bool:
        """Whether nothing in the source claims to be this file."""
        return identity(parse(path, self.profile), path) not in undecided


def missing(after: Collection[str], cases: Collection[str], scope: Scope) -> Missing:
    """What the release lacks, given the files it will hold and the cases it should hold."""
    profile = scope.profile
    held = {parse(path, profile).identity for path in after}
    absent, incomplete, paths = [], [], []
    for case_id in sorted(cases):
        blobs = list_blobs_of_case(case_id, profile)
        if scope.mask_set is not None:
            blobs = [parse(f"{scope.folder}{case_id}.nii.gz", profile)]
        lacking = [blob.path for blob in blobs if blob.identity not in held]
        paths += lacking
        if len(lacking) == len(blobs):
            absent.append(case_id)
        elif lacking:
            incomplete.append(case_id)
    files = () if scope.mask_set else _missing_files(held, profile)
    return Missing(
        paths=(*paths, *files),
        expected_cases=len(cases),
        absent_cases=tuple(absent),
        incomplete_cases=tuple(incomplete),
        files=files,
        slice=None if scope.mask_set else _missing_slice(held, profile),
    )


def _missing_files(held: Collection[object], profile: Profile) -> tuple[str, ...]:
    names = {artefact: names[0] for artefact, names in profile.files.items()}
    for own in ("readme", SLICE):
        names.pop(own, None)
    return tuple(
        name for artefact, name in names.items() if (artefact, None, None, None) not in held
    )


def _missing_slice(held: Collection[object], profile: Profile) -> str | None:
    """The slice of the Imaging Data Commons, where the collection has one and the release none."""
    has_none = (SLICE, None, None, None) not in held
    can_be_cut = profile.idc_collection is not None and SLICE in profile.files
    return profile.files[SLICE][0] if has_none and can_be_cut else None
