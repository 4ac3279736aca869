"""What `ispy1 fsck` says: problems, what was checked, and what could not be."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from etl.model.digests import compute_md5

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is not as it should be.

    `path` is relative to the project where it lies inside. `repair` is a command for the project's
    folder; `otherwise` says when another is right.
    """

    area: str
    path: str
    expected: str
    found: str
    repair: str
    otherwise: str = ""


@dataclass(slots=True)
class Report:
    """What was found: problems in the order of the areas, counts, and what was left out."""

    problems: list[Problem] = field(default_factory=list)
    checked: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def as_json(self) -> dict[str, Any]:
        """Return the report for machines."""
        return {"is_clean": self.is_clean, **asdict(self)}


@dataclass(frozen=True, slots=True)
class Tracked:
    """What DVC should keep today, and what its cache holds.

    `paths`: path (relative to the project) to MD5 of every file; those of a folder only where its
    list is in the cache. `outs`: the path of the output or folder that each belongs to. `old`:
    MD5s of earlier versions. `cached`: MD5s in the cache, by name.
    """

    root: Path
    paths: Mapping[str, str] = field(default_factory=dict)
    outs: Mapping[str, str] = field(default_factory=dict)
    old: Mapping[str, str] = field(default_factory=dict)
    cached: Collection[str] = ()
    remote: str | None = None

    def find_repair(self, path: str) -> str | None:
        """Return the command that brings a file's tracked content back; None where it is lost."""
        md5 = self.paths.get(path)
        if md5 is None:
            return None
        word = shlex.quote(path)
        if md5 in self.cached:
            return f"rm -f {word} && dvc checkout {word}"
        return f"rm -f {word} && dvc pull {word}" if self.remote else None


def hash_content(path: Path) -> str:
    """Return the MD5 of a file, or in words that it cannot be read."""
    try:
        return compute_md5(path)
    except OSError as error:
        return f"unreadable ({error.strerror})"


def shorten_path(root: Path, path: Path) -> str:
    """Return a path as people write it: relative to the project where it lies inside."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def format_lines(report: Report, limit: int = 50) -> Iterator[str]:
    """Yield the report for people: what was checked and what not, problems with repairs."""
    for area, summary in report.checked.items():
        yield f"{area:9} {summary}"
    for note in report.notes:
        yield f"note      {note}"
    for problem in report.problems[:limit]:
        yield f"problem   {problem.path}"
        yield f"          expected {problem.expected}"
        yield f"          found    {problem.found}"
        otherwise = f"   ({problem.otherwise})" if problem.otherwise else ""
        yield f"          repair   {problem.repair}{otherwise}"
    rest = len(report.problems) - limit
    if rest > 0:
        yield f"          and {rest} more: `ispy1 fsck --json` has all"
    n = len(report.problems)
    yield "clean" if report.is_clean else f"{n} problem{'s' if n > 1 else ''}"
