"""Find the case of a user's own mask in the names that segmentation tools give."""

from __future__ import annotations

import re
from fnmatch import fnmatch
from pathlib import PurePosixPath

from etl.model.profile import Profile
from etl.model.release import UNFINISHED, Name, extension, parse

# nnU-Net numbers the channels of a case: `ISPY1_1002_0000.nii.gz`.
_CHANNEL = re.compile(r"_00[0-9]{2}$")
_COPY = re.compile(r"\([0-9]+\)|[ _-]copy\b", re.IGNORECASE)
_YEAR = re.compile(r"(19|20)[0-9]{2}")
_PACKED = (".nii", ".nii.gz")


def parse_own_mask(name: Name, path: str, profile: Profile, mask_set: str) -> Name:
    """Return the file as a mask of the user's set, `other` where it names no case or several.

    Args:
        name: what the path says by the release's own rules.
        path: the path, led by the names of the folders above it that count.
        profile: how cases are spelled.
        mask_set: the user's set.
    """
    if name.artefact == "mask" and name.mask in profile.masks:
        return name
    cases = find_cases(path, profile)
    if len(cases) != 1 or find_objection(path, profile):
        return Name(name.path, "other")
    return Name(name.path, "mask", mask=mask_set, case_id=cases[0])


def find_objection(path: str, profile: Profile) -> str | None:
    """Return why a NIfTI file that names a case is no mask of one, None where it is or names none.

    Args:
        path: the path, led by the names of the folders above it that count.
        profile: how cases are spelled.
    """
    cases = find_cases(path, profile)
    several = f"names {len(cases)} cases, {' and '.join(cases)}; a mask is of one: rename it"
    checks = (
        (_is_unfinished(path), "is an unfinished download by its name"),
        (len(cases) > 1, several),
        (
            _COPY.search(PurePosixPath(path).name),
            "is a second copy by its name; rename the one that counts",
        ),
    )
    return next((reason for is_broken, reason in checks if cases and is_broken), None)


def find_cases(path: str, profile: Profile) -> list[str]:
    """Return the cases that name and nearest folder hold; none for an image or other formats.

    What follows the name in an unfinished download does not count. A folder counts by its whole
    name or by an id with its prefix: `run_1024` is no case, nor is a year that none is expected of.
    """
    path = path.rpartition(".")[0] if _is_unfinished(path) else path
    if extension(path) not in _PACKED or parse(path, profile).artefact.startswith("image_"):
        return []
    *folders, file = PurePosixPath(path).parts
    stem = file[: len(file) - len(extension(file))]
    cases = _find_prefixed(stem, profile) or _find_numbers(_CHANNEL.sub("", stem), profile)
    for folder in reversed(folders):
        is_year = _YEAR.fullmatch(folder) and not profile.expects(int(folder))
        whole = None if is_year else profile.case_id(folder)
        if above := [whole] if whole else _find_prefixed(folder, profile):
            return list(dict.fromkeys([*cases, *above]))
    return list(dict.fromkeys(cases))


def _is_unfinished(path: str) -> bool:
    return any(fnmatch(path, pattern) for pattern in UNFINISHED)


def _find_prefixed(text: str, profile: Profile) -> list[str]:
    """Return the cases that a text names in full, in any case of letters: `ispy1-1002_v2`."""
    stem = re.escape(profile.id_prefix.rstrip("_-"))
    pattern = rf"{stem}[_-]?([0-9]{{{profile.id_digits}}})(?![0-9])"
    return [f"{profile.id_prefix}{digits}" for digits in re.findall(pattern, text, re.IGNORECASE)]


def _find_numbers(text: str, profile: Profile) -> list[str]:
    """Return the cases that a text names by number; a year counts only if no other number does."""
    numbers = re.findall(rf"(?<![0-9.])[0-9]{{{profile.id_digits}}}(?![0-9])", text)
    expected = [number for number in numbers if profile.expects(int(number))]
    return [f"{profile.id_prefix}{number}" for number in expected or numbers]
