"""Say what each file of the source is, and where in a release it would lie."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from etl.adopt.mask_names import find_objection, parse_own_mask
from etl.adopt.report import Note
from etl.adopt.scan import Scan, SourceFile
from etl.model.errors import UserError
from etl.model.profile import Profile
from etl.model.release import Name, extension, is_known, parse, place_in_release

# A user's own set in `masks_<name>/`: what any file system and any SQL string takes as it is.
_SET_NAME = re.compile(r"[^\W_][\w.-]*")
_NEW_SET_NAME = re.compile(r"[a-z0-9_]+")

# CaPTk's own outputs, known by their header (DATASET.md).
_LONG = ["SubjectID", "Modality", "ROILabel", "FeatureFamily", "Feature", "Value", "Parameters"]
_FAMILY = re.compile(r"_(Intensity|Histogram|Volumetric|Morphologic|GLCM|GLRLM|GLSZM|NGTDM|LBP)_")
_PARAMETERS = ["FeatureName", "ParamName", "Type", "Range", "Default", "Comments"]
_HEADER_BYTES = 1 << 16

_GZIP = b"\x1f\x8b"
_NIFTI_BYTES = 348  # NIfTI-1; its size stands first, its magic number last
_SIZES = (348, 540)  # of a NIfTI-1 and a NIfTI-2 header
_MAGIC = (b"n+1\0", b"ni1\0")

SLICE = "acquisitions"  # the artefact that no download has

# Why a recognised file is not taken: the first of these that is true.
_Check = Callable[[Name, Profile, str | None], bool]
_CHECKS: tuple[tuple[str, _Check], ...] = (
    (
        "belongs to the publisher's set {mask}",
        lambda name, _, mask_set: mask_set is not None and name.mask not in {None, mask_set},
    ),
    (
        "its folder is no name for a mask set (letters, digits, _ . - after masks_)",
        lambda name, *_: name.mask is not None and not _SET_NAME.fullmatch(name.mask),
    ),
    (
        "its folder looks like the publisher's set {lower}; rename it",
        lambda name, profile, _: (name.mask or "").lower() in {*profile.masks} - {name.mask},
    ),
    (
        "its name holds control characters",
        lambda name, profile, _: not (name.mask or place_in_release(name, profile).isprintable()),
    ),
)

Identity = tuple[str, str | None, str | None, int | None, str]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file of the source that the release has a place for."""

    file: SourceFile
    name: Name
    target: str  # inside the release

    @property
    def identity(self) -> Identity:
        """What the file is: candidates of one identity are duplicates."""
        return identify(self.name, self.target)


@dataclass(frozen=True, slots=True)
class Recognised:
    """The files of the source, sorted by what can be done with them."""

    candidates: tuple[Candidate, ...]
    unrecognised: tuple[SourceFile, ...]
    not_taken: tuple[Note, ...]
    refused: tuple[Note, ...]  # of several cases, second copies, unfinished


def identify(name: Name, target: str) -> Identity:
    """Return what a file is, without its folder; manifests and READMEs differ by name."""
    distinct_name = target if name.artefact in ("manifest", "other") else ""
    return (*name.identity, distinct_name)


def recognise(scanned: Scan, profile: Profile, source: Path, mask_set: str | None) -> Recognised:
    """Sort the files below `source`; with `mask_set`, only masks of that set are looked for."""
    refused = _list_refused(scanned, profile, source) if mask_set else {}
    candidates, unrecognised, not_taken = [], [], []
    for file in scanned.files:
        if file.path in refused:
            continue
        name = _name_file(file, profile, source, mask_set)
        reason = _find_objection(name, profile, mask_set)
        if reason is not None:
            not_taken.append(Note(file.path, reason))
        elif name is None:
            unrecognised.append(file)
        else:
            target = place_in_release(name, profile, extension(file.path))
            candidates.append(Candidate(file, name, target))
    # A link may show one file under a second, meaningless name.
    inodes = {candidate.file.inode for candidate in candidates}
    rest = tuple(file for file in unrecognised if file.inode not in inodes)
    notes = (Note(path, why) for path, why in refused.items())
    return Recognised(tuple(candidates), rest, tuple(not_taken), tuple(notes))


def _list_refused(scanned: Scan, profile: Profile, source: Path) -> dict[str, str]:
    """Return why files that name a case are no mask of one case: path -> reason."""
    paths = (*(file.path for file in scanned.files), *scanned.litter)
    whys = {path: find_objection(add_context(source, path, profile), profile) for path in paths}
    return {path: why for path, why in whys.items() if why}


def check_mask_set(name: str, profile: Profile) -> None:
    """Refuse a name for a user's mask set that is no name or belongs to the publisher.

    Raises:
        UserError: with the reason.
    """
    if not _NEW_SET_NAME.fullmatch(name):
        message = (
            f"mask set {name!r}: not a name. Use small letters, digits and _, such as my_unet."
        )
        raise UserError(message)
    if name in profile.masks:
        message = f"mask set {name}: is one of the publisher's. Choose another name for your own."
        raise UserError(message)


def add_context(source: Path, path: str, profile: Profile) -> str:
    """Return a path below the source, led by the source's own name (two names where it is a case).

    People also hand over `masks_ftv` or one case's folder, and then the name is in the source.
    """
    parts = source.parts[1:]
    depth = 2 if parts and profile.case_id(parts[-1]) else 1
    return PurePosixPath(*parts[-depth:], path).as_posix()


def _name_file(
    file: SourceFile, profile: Profile, source: Path, mask_set: str | None
) -> Name | None:
    """Return what the file is, or None where nothing is known."""
    name = name_of(file.path, profile, source, mask_set)
    if mask_set is not None or is_known(name, profile):
        return name if is_known(name, profile) else None
    artefact = _read_artefact(file)
    return replace(name, artefact=artefact) if artefact else None


def name_of(path: str, profile: Profile, source: Path, mask_set: str | None) -> Name:
    """Return what a path below the source says; `other` for all but masks where a set is named."""
    led = add_context(source, path, profile)
    name = replace(parse(led, profile), path=path)
    return name if mask_set is None else parse_own_mask(name, led, profile, mask_set)


def _find_objection(name: Name | None, profile: Profile, mask_set: str | None) -> str | None:
    """Return why a recognised file is not taken, or None."""
    if name is None:
        return None
    reason = next((why for why, is_broken in _CHECKS if is_broken(name, profile, mask_set)), None)
    return reason and reason.format(mask=name.mask, lower=(name.mask or "").lower())


def _read_artefact(file: SourceFile) -> str | None:
    """Return `features` or `captk_parameters` where a .csv has the header of one, else None."""
    if extension(file.path) != ".csv":
        return None
    try:
        with file.real.open("rb") as stream:
            start = stream.readline(_HEADER_BYTES)
        header = next(csv.reader([start.decode("utf-8-sig")]), [])
    except (OSError, UnicodeDecodeError, csv.Error):
        return None  # not readable as a header: the file stays unrecognised and is reported so
    header = [cell.strip() for cell in header]
    if header == _PARAMETERS:
        return "captk_parameters"
    is_wide = header[:1] == ["SubjectID"] and any(_FAMILY.search(cell) for cell in header[1:])
    return "features" if header == _LONG or is_wide else None


def find_damaged(candidates: Iterable[Candidate]) -> tuple[str, ...]:
    """Return the images and masks that are neither gzip nor NIfTI by their first bytes, in order.

    Cheap on purpose: the build reads them in full and names what it finds.
    """
    blobs = (c.file for c in candidates if c.name.image_set or c.name.mask)
    return tuple(file.path for file in blobs if not _is_plausible(file.real))


def _is_plausible(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            start = file.read(_NIFTI_BYTES)
    except OSError:
        return True  # the copy says that it cannot be read
    if start.startswith(_GZIP):
        return True
    sizes = {int.from_bytes(start[:4], "little"), int.from_bytes(start[:4], "big")}
    return not sizes.isdisjoint(_SIZES) or start[344:] in _MAGIC
