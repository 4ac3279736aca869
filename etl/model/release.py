"""Names only: a path in a release to artefact, case and phase, and back. Driven by the profile."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace
from fnmatch import translate
from pathlib import PurePosixPath
from urllib.parse import unquote

from etl.model.profile import Profile

# Stands for the MD5 of a link that leads out of the project: what it names is not ours.
LINK_OUTSIDE = "link-outside"
# Of a pipe or a device, which must not be opened, and of a name that is no UTF-8.
NO_FILE, NO_NAME = "no-file", "no-name"
NO_PATH = "no-path"  # of a key of an object store that leads nowhere, or out of the release
MARKS = frozenset({LINK_OUTSIDE, NO_FILE, NO_NAME, NO_PATH})
# Of downloads that are still going on, or were cut.
UNFINISHED = ("*.tmp", "*.crdownload", "*.partial", "*.part", "*.filepart", "*.download", "*.aria2")
# What other programs leave, by name: file managers, open documents (Excel, LibreOffice, editors),
# deleted files that are still open. `.dvcignore` names the same.
LITTER = (
    ".DS_Store", "._*", "Thumbs.db", "desktop.ini", "__MACOSX", "~$*", ".~lock.*#", ".#*", "*~",
    "*.swp", "*.swo", ".nfs*", ".fuse_hidden*", ".syncthing.*", *UNFINISHED,
)  # fmt: skip
_LITTER = re.compile("|".join(map(translate, LITTER)))
_NIFTI = re.compile(r"(?P<stem>.+?)\.nii(?:\.gz)?", re.IGNORECASE)
_IMAGE = re.compile(r"(?P<case>.+)_DCE_(?P<phase>[0-9]{4})(?P<suffix>.*)")
_BROWSER_COPY = re.compile(r"\s*\([0-9]+\)$")


# artefact, mask, case, phase
Identity = tuple[str, str | None, str | None, int | None]


@dataclass(frozen=True, slots=True)
class Name:
    """What a path says about a file. `artefact` is one of TABLES.md's, `other` when unknown."""

    path: str
    artefact: str
    mask: str | None = None
    case_id: str | None = None
    phase: int | None = None

    @property
    def image_set(self) -> str | None:
        """Return the set of an image (`zscored`), else None."""
        return self.artefact[6:] if self.artefact.startswith("image_") else None

    @property
    def identity(self) -> Identity:
        """What the file is, without where it lies: two files with one identity are doubles."""
        return (self.artefact, self.mask, self.case_id, self.phase)


def name_role(name: Name) -> str:
    """Return what a blob is in its case: `image_n3_0`, `mask_ftv`; else the artefact."""
    if name.mask is not None:
        return f"mask_{name.mask}"
    return name.artefact if name.phase is None else f"{name.artefact}_{name.phase}"


def is_litter(path: str) -> bool:
    """Return whether another program left this file (`.DS_Store`, `~$book.xlsx`, `m.nii.part`)."""
    return any(_LITTER.match(part) for part in path.split("/"))


def is_own_mask(path: str, profile: Profile) -> bool:
    """Return whether a file of the release lies in a user's own mask set."""
    prefix = profile.mask_folder_prefix
    return any(
        folder.startswith(prefix) and folder.removeprefix(prefix) not in profile.masks
        for folder in PurePosixPath(path).parts[:-1]
    )


def list_mask_sets(names: Iterable[Name], profile: Profile) -> tuple[str, ...]:
    """Return the mask sets of a release: those of the profile in its order, then own ones."""
    of_user = {name.mask for name in names if name.mask is not None} - profile.masks.keys()
    return (*profile.masks, *sorted(of_user))


def parse(path: str, profile: Profile) -> Name:
    """Return what a file is, from its folders and name, wherever the release's root is."""
    parts = PurePosixPath(unicodedata.normalize("NFC", path)).parts
    folders, file = parts[:-1], parts[-1]
    nifti = _NIFTI.fullmatch(file)
    if nifti is not None:
        stem = nifti["stem"]
        image = _parse_image(path, stem, folders, profile)
        return image or _parse_mask(path, stem, folders, profile)
    declared = _find_declared(file, profile)
    if declared is not None:
        return Name(path, "other" if declared[0] == "readme" else declared[0])
    return Name(path, "manifest" if extension(file) == ".sums" else "other")


def is_known(name: Name, profile: Profile) -> bool:
    """Return whether the release has a use for the file (READMEs and licences count as known)."""
    return name.artefact != "other" or bool(_find_declared(_normalize_file_name(name), profile))


def _normalize_file_name(name: Name) -> str:
    return PurePosixPath(unicodedata.normalize("NFC", name.path)).name


def _find_declared(file: str, profile: Profile) -> tuple[str, str] | None:
    """Return artefact and canonical spelling of a file that the profile names, else None."""
    declared = [(artefact, s) for artefact, names in profile.files.items() for s in names]
    key = _strip_browser_marks(file)
    return next((pair for pair in declared if _strip_browser_marks(pair[1]) == key), None)


def _strip_browser_marks(file: str) -> str:
    """Return what a browser leaves of a name: no ` (1)`, spaces, dashes, `_` or case."""
    name = PurePosixPath(unquote(file.replace("+", " ")))
    bare = re.sub(r"[\W_]+", "", _BROWSER_COPY.sub("", name.stem))
    return f"{bare}{name.suffix}".casefold()


def _parse_image(path: str, stem: str, folders: tuple[str, ...], profile: Profile) -> Name | None:
    match = _IMAGE.fullmatch(stem)
    if match is None:
        return None
    case_id = profile.case_id(match["case"])
    image_set = _find_image_set(match["suffix"], folders, profile)
    phase = int(match["phase"])
    if case_id is None or image_set is None or phase not in profile.phases:
        return Name(path, "other")
    if _is_claimed_twice(case_id, folders, profile):
        return Name(path, "other")
    return Name(path, f"image_{image_set}", case_id=case_id, phase=phase)


def _is_claimed_twice(case_id: str, folders: tuple[str, ...], profile: Profile) -> bool:
    """Return whether a file of one case lies in another case's folder: then neither gets it."""
    return bool(folders) and profile.case_id(folders[-1]) not in (None, case_id)


def _find_image_set(suffix: str, folders: tuple[str, ...], profile: Profile) -> str | None:
    """Return the set of an image; the nearest set's folder decides for a name cut short.

    Users' z-scored files often lack theirs, and then are spelled as the N3 images.
    """
    for folder in reversed(folders):
        for key, image_set in profile.image_sets.items():
            if image_set.folder == folder and image_set.suffix.startswith(suffix):
                return key
    return next((key for key, s in profile.image_sets.items() if s.suffix == suffix), None)


def _parse_mask(path: str, stem: str, folders: tuple[str, ...], profile: Profile) -> Name:
    prefix = profile.mask_folder_prefix
    case_id = profile.case_id(stem)
    if case_id is None or _is_claimed_twice(case_id, folders, profile):
        return Name(path, "other")
    for folder in reversed(folders):
        if folder.startswith(prefix) and len(folder) > len(prefix):
            return Name(path, "mask", mask=folder[len(prefix) :], case_id=case_id)
    return Name(path, "other")


def place_in_release(name: Name, profile: Profile, extension: str = ".nii.gz") -> str:
    """Return where a file belongs in a release; its own path where there is no such place."""
    if name.image_set is not None:
        image_set = profile.image_sets[name.image_set]
        file = f"{name.case_id}_DCE_{name.phase:04d}{image_set.suffix}{extension}"
        return f"{image_set.folder}/{name.case_id}/{file}"
    if name.artefact == "mask":
        return f"{profile.mask_folder_prefix}{name.mask}/{name.case_id}{extension}"
    file = _normalize_file_name(name)
    declared = _find_declared(file, profile)
    if declared is not None:
        return declared[1]
    if name.artefact in ("manifest", "other"):
        return file
    spellings = profile.files[name.artefact]
    return next((s for s in spellings if s.endswith(PurePosixPath(file).suffix)), spellings[0])


def extension(path: str) -> str:
    """Return `.nii.gz`, `.nii`, or the last suffix of the file, in lower case."""
    lower = path.lower()
    return ".nii.gz" if lower.endswith(".nii.gz") else PurePosixPath(lower).suffix


def list_blobs_of_case(case_id: str, profile: Profile) -> list[Name]:
    """Return the files of a complete case: images by set and phase, then declared masks."""
    images = [
        Name("", f"image_{key}", case_id=case_id, phase=phase)
        for key in profile.image_sets
        for phase in profile.phases
    ]
    masks = [Name("", "mask", mask=mask, case_id=case_id) for mask in profile.masks]
    return [replace(name, path=place_in_release(name, profile)) for name in (*images, *masks)]
