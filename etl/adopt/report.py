"""What is asked of an adoption, and what it did, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from etl.model.profile import Profile
from etl.versions.track import TARGET

# As params.yaml holds it: {"threshold": 0.5} or {"labels": [1.0, 4.0]}.
Rule = Mapping[str, float | list[float]]
Action = Literal["added", "replaced", "unchanged"]


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for."""

    source: Path
    root: Path
    mask_set: str | None
    is_prune: bool
    is_dry_run: bool
    profile: str | None
    rule: Rule | None = None  # of the mask set: which of its values are foreground

    @property
    def release(self) -> Path:
        """The folder that an adopted release lies in."""
        return self.root / TARGET

    @property
    def is_fresh(self) -> bool:
        """Whether nothing of the present release is to stay that the source does not have."""
        return self.is_prune and self.mask_set is None

    def prefix(self, profile: Profile) -> str:
        """Return how the paths begin that the adoption is about: all, or those of a mask set."""
        return f"{profile.mask_folder_prefix}{self.mask_set}/" if self.mask_set else ""


@dataclass(frozen=True, slots=True)
class Note:
    """One file or folder of the source, and why it was not taken."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class NoCase:
    """A mask of the user's own whose case the release does not have."""

    path: str
    case_id: str


@dataclass(frozen=True, slots=True)
class Taken:
    """One file of the release that comes from the source."""

    source: str
    target: str
    artefact: str
    action: Action
    size_bytes: int
    replaces: tuple[str, ...] = ()  # files of the release that were the same thing by other names


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Several files of the source that are the same thing; `taken` is the one that was chosen."""

    taken: str
    others: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Missing:
    """What the release lacks after the adoption. The summaries count, `paths` lists."""

    paths: tuple[str, ...]
    expected_cases: int
    absent_cases: tuple[str, ...]
    incomplete_cases: tuple[str, ...]
    files: tuple[str, ...]
    slice: str | None = None  # no part of a download: `ispy1 idc` cuts it


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that `adopt` has to say. Sizes in bytes, paths of the source relative to it.

    `not_in_source` are files of the release that the source does not have. With --prune, these
    go (`removed`) or stay (`kept`: the user's own masks, the slice of the Imaging Data Commons).
    """

    source: str
    target: str
    profile: str
    profile_reason: str
    mask_set: str | None
    rule: Rule | None
    is_dry_run: bool
    taken: tuple[Taken, ...]
    unrecognised: tuple[str, ...]
    mask_name: str  # a name that a mask may have
    not_taken: tuple[Note, ...]
    refused: tuple[Note, ...]
    no_case: tuple[NoCase, ...]
    damaged: tuple[str, ...]
    doubles: tuple[Duplicates, ...]
    missing: Missing
    not_in_source: tuple[str, ...]
    removed: tuple[str, ...]
    kept: tuple[str, ...]
    prune_skipped: str | None
    litter: int
    litter_names: tuple[str, ...]
    bytes_to_copy: int
    bytes_needed: int
    bytes_free: int
    bytes_shared: int
    recorded: int  # masks of published features that came for the first time
    params_changed: bool
    is_changed: bool  # the release, its .dvc file, the record or params.yaml; dry: would be

    @property
    def is_complete(self) -> bool:
        """Whether nothing of the source had to be refused."""
        return not self.refused and not self.no_case

    def as_dict(self) -> dict[str, Any]:
        """Return the report for machines."""
        return {**asdict(self), "is_complete": self.is_complete}


def format_count(count: int, noun: str = "file") -> str:
    """Return a number of files, or of other things, for a person."""
    return f"{count} {noun}" + ("" if count == 1 else "s")
