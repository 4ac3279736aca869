"""Choose among files of the source that are the same thing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from etl.adopt.recognise import Candidate, Identity
from etl.adopt.report import Duplicates, Note
from etl.model.digests import compute_md5
from etl.model.errors import BadInputError
from etl.model.profile import Profile
from etl.model.release import extension, parse, place_in_release
from etl.read.manifest import read_manifest

Listed = Mapping[str, frozenset[str]]  # canonical path -> MD5s that manifests give


@dataclass(frozen=True, slots=True)
class Choice:
    """One candidate per identity, and what was decided on the way."""

    chosen: tuple[Candidate, ...]
    duplicates: tuple[Duplicates, ...]
    refused: tuple[Note, ...]
    undecided: frozenset[Identity]


def read_manifests(paths: Iterable[Path], profile: Profile) -> Listed:
    """Return the MD5s of the publisher's manifests by canonical path.

    A broken manifest tells nothing here; the table `blobs` reports it.
    """
    listed: defaultdict[str, set[str]] = defaultdict(set)
    for path in paths:
        with suppress(BadInputError):
            for name, md5 in read_manifest(path).items():
                listed[place_in_release(parse(name, profile), profile, extension(name))].add(md5)
    return {target: frozenset(md5s) for target, md5s in listed.items()}


def choose(candidates: Sequence[Candidate], listed: Listed) -> Choice:
    """Choose one file per identity, none where contents differ and nothing decides."""
    groups: defaultdict[Identity, list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        groups[candidate.identity].append(candidate)
    chosen, duplicates, refused, undecided = [], [], [], set()
    for identity, group in groups.items():
        best, reason = _choose_one(group, listed)
        if best is None:
            undecided.add(identity)
            refused.append(Note(", ".join(c.file.path for c in group), reason))
            continue
        chosen.append(best)
        passed_over = tuple(c.file.path for c in group if c.file.inode != best.file.inode)
        if passed_over:
            duplicates.append(Duplicates(best.file.path, passed_over, reason))
    return Choice(tuple(chosen), tuple(duplicates), tuple(refused), frozenset(undecided))


def _choose_one(group: list[Candidate], listed: Listed) -> tuple[Candidate | None, str]:
    """Return the candidate to take and why; None where the contents differ and nothing decides."""
    group = _drop_links(group)
    if len(group) == 1:
        return group[0], ""
    if group[0].name.artefact == "other":
        return group[0], "the one nearest to the top"
    try:
        return _choose_by_content(group, listed)
    except OSError as error:
        return None, f"one of these duplicates cannot be read ({error.strerror})"


def _choose_by_content(group: list[Candidate], listed: Listed) -> tuple[Candidate | None, str]:
    """Choose by the publisher's MD5, then by form. Reads only what the choice needs."""
    for candidate in group:
        md5s = listed.get(candidate.target)
        if md5s and compute_md5(candidate.file.real) in md5s:
            return candidate, "its MD5 is the publisher's"
    preferred, reason = _prefer_form(group, listed)
    if len(preferred) > 1:
        if len({compute_md5(candidate.file.real) for candidate in preferred}) > 1:
            return None, "different contents for the same thing; keep one of them"
        reason = "same content"
    return preferred[0], reason


def _drop_links(group: list[Candidate]) -> list[Candidate]:
    """Return one candidate per inode (links show a file twice), the shortest path first."""
    ordered = sorted(group, key=lambda c: (len(PurePosixPath(c.file.path).parts), c.file.path))
    by_inode = {candidate.file.inode: candidate for candidate in reversed(ordered)}
    return [candidate for candidate in ordered if by_inode[candidate.file.inode] is candidate]


def _prefer_form(group: list[Candidate], listed: Listed) -> tuple[list[Candidate], str]:
    """Return the candidates of the better form: in a manifest, else packed, else a workbook."""
    of_manifest = [candidate for candidate in group if candidate.target in listed]
    if len({candidate.target for candidate in of_manifest}) == 1:
        return of_manifest, "the manifest knows its path"
    for form in (".nii.gz", ".xlsx"):
        of_form = [c for c in group if extension(c.target) == form]
        if of_form:
            return of_form, f"{form} before other forms"
    return group, ""
