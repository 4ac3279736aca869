"""Find the profile that the files of a source or of a release belong to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from etl.adopt.recognise import name_of
from etl.model.errors import UserError
from etl.model.profile import BASE, Profile, list_expected_ids, load_profile, profile_path
from etl.model.project import param
from etl.model.release import is_own_mask
from etl.versions.track import TARGET

DEFAULT_PROFILE = "ispy1_tcia"


@dataclass(frozen=True, slots=True)
class Fit:
    """A profile, and how many of the case ids that were found it expects."""

    profile: Profile
    expected: int
    n_cases: int

    @property
    def reason(self) -> str:
        """Why this profile, in words."""
        if not self.expected:
            return "the default: no file names a case that a profile expects"
        if self.n_cases == 1:
            return "it expects the one case id that was found"
        return f"it expects {self.expected} of the {self.n_cases} case ids"


def load_asked_profile(root: Path, name: str) -> Profile:
    """Return the profile that was asked for.

    Raises:
        UserError: it does not exist or is broken.
    """
    if name not in _list_profiles(root):
        message = f"profile {name}: does not exist. There are: {', '.join(_list_profiles(root))}."
        raise UserError(message)
    return load_profile(root, name)


def fit_profile(root: Path, folder: Path, paths: Iterable[str], mask_set: str | None = None) -> Fit:
    """Return the profile that expects most of the cases that these files of `folder` name.

    Where several do, the present release's own goes first, then the default.

    Raises:
        UserError: a profile is broken.
    """
    listed = list(paths)
    return max(
        (_count_expected(root, name, folder, listed, mask_set) for name in _order_profiles(root)),
        key=lambda fit: fit.expected,
    )


def list_cases(
    paths: Iterable[str], profile: Profile, folder: Path, mask_set: str | None
) -> set[str]:
    """Return the cases that images and masks below `folder` name."""
    names = (name_of(path, profile, folder, mask_set) for path in paths)
    return {name.case_id for name in names if name.case_id is not None}


def _count_expected(
    root: Path, name: str, folder: Path, paths: list[str], mask_set: str | None
) -> Fit:
    profile = load_profile(root, name)
    # A user's own masks say little: they stay when the release is replaced by another data set.
    published = [path for path in paths if not is_own_mask(path, profile)]
    cases = list_cases(published, profile, folder, mask_set)
    cases = cases or list_cases(paths, profile, folder, mask_set)
    return Fit(profile, len(cases & set(list_expected_ids(root, profile))), len(cases))


def _list_profiles(root: Path) -> list[str]:
    files = profile_path(root, BASE).parent.glob("*.yaml")
    return sorted(path.stem for path in files if path.stem != BASE)


def _order_profiles(root: Path) -> list[str]:
    first = [DEFAULT_PROFILE]
    if str(param(root, "release")) == TARGET:
        first.insert(0, str(param(root, "profile")))
    names = _list_profiles(root)
    return list(dict.fromkeys([name for name in first if name in names] + names))
