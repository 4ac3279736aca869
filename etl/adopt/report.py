"""What an adoption did, as a value and as lines for a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

Action = Literal["added", "replaced", "unchanged"]

_SHOWN = 5  # how many names a line of the summary prints
_LONG = 160  # characters of a name, or of joined names


@dataclass(frozen=True, slots=True)
class Note:
    """One file or folder of the source, and why it was not taken."""

    path: str
    reason: str


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
class Double:
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


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that `adopt` has to say. Sizes in bytes, paths of the source relative to it."""

    source: str
    target: str
    profile: str
    profile_reason: str
    mask_set: str | None
    is_dry_run: bool
    taken: tuple[Taken, ...]
    unrecognised: tuple[str, ...]
    not_taken: tuple[Note, ...]
    refused: tuple[Note, ...]
    doubles: tuple[Double, ...]
    missing: Missing
    vanished: tuple[str, ...]
    removed: tuple[str, ...]
    prune_skipped: str | None
    litter: int
    bytes_to_copy: int
    bytes_needed: int
    bytes_free: int
    bytes_shared: int
    params_changed: bool

    @property
    def is_complete(self) -> bool:
        """Whether nothing of the source had to be refused."""
        return not self.refused

    def as_dict(self) -> dict[str, Any]:
        """The report for machines."""
        return {**asdict(self), "is_complete": self.is_complete}


def lines(report: Report) -> Iterator[str]:
    """The report for a person: counts and a few names, never a thousand lines."""
    yield f"{report.source} -> {report.target}" + (" (dry run)" if report.is_dry_run else "")
    yield _line("profile", f"{report.profile} ({report.profile_reason})")
    yield from _taken_lines(report)
    yield _line("disk", _disk(report))
    yield from _notes("not taken", report.not_taken)
    yield from _listed("not recognised", report.unrecognised)
    yield from _doubles(report.doubles)
    yield from _notes("refused", report.refused)
    yield from _missing_lines(report.missing, report.mask_set)
    yield from _listed("vanished", report.vanished, "no longer in the source, kept (see --prune)")
    yield from _listed("removed", report.removed)
    if report.prune_skipped:
        yield _line("not pruned", report.prune_skipped)
    yield from _next_lines(report)


def size_text(count: int) -> str:
    """A number of bytes for a person, in decimal units as disks are sold."""
    size = float(count)
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:  # noqa: PLR2004  the step of the decimal units
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def shown(path: str) -> str:
    """A name from outside, safe for a terminal: control and undecodable characters escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in path)


def _line(label: str, text: str) -> str:
    return f"{label:<15}{shown(text)}"


def _taken_lines(report: Report) -> Iterator[str]:
    actions = Counter(taken.action for taken in report.taken)
    counts = ", ".join(f"{actions[a]} {a}" for a in ("added", "replaced", "unchanged"))
    verb = "would take" if report.is_dry_run else "took"
    yield _line(verb, f"{_files(len(report.taken))}: {counts}")
    for artefact, count in sorted(Counter(taken.artefact for taken in report.taken).items()):
        yield _line("", f"{count:>5} {artefact}")


def _disk(report: Report) -> str:
    text = (
        f"{size_text(report.bytes_to_copy)} to copy, {size_text(report.bytes_needed)} needed with "
        f"DVC's cache, {size_text(report.bytes_free)} free"
    )
    if report.bytes_needed > report.bytes_free:
        text += ": TOO LITTLE, unless the disk can share blocks with the source"
    if report.bytes_shared:
        text += f"; {size_text(report.bytes_shared)} share their blocks with the source"
    return text


def _listed(label: str, names: Iterable[str], why: str = "") -> Iterator[str]:
    everything = list(names)
    if everything:
        more = len(everything) - _SHOWN
        tail = f" and {more} more (--json lists all)" if more > 0 else ""
        text = f"{_files(len(everything))}: {', '.join(everything[:_SHOWN])}{tail}"
        yield _line(label, f"{text}; {why}" if why else text)


def _notes(label: str, notes: tuple[Note, ...]) -> Iterator[str]:
    for note in notes[: 2 * _SHOWN]:
        path = note.path if len(note.path) <= _LONG else f"{note.path[:_LONG]}..."
        yield _line(label, f"{path}: {note.reason}")
    if len(notes) > 2 * _SHOWN:
        yield _line(label, f"{len(notes) - 2 * _SHOWN} more (--json lists all)")


def _doubles(doubles: tuple[Double, ...]) -> Iterator[str]:
    for double in doubles[:_SHOWN]:
        others = ", ".join(double.others)
        yield _line("double", f"took {double.taken}, left {others} ({double.reason})")
    if len(doubles) > _SHOWN:
        yield _line("double", f"{len(doubles) - _SHOWN} more (--json lists all)")


def _missing_lines(missing: Missing, mask_set: str | None) -> Iterator[str]:
    if missing.absent_cases:
        what = f"mask of {mask_set}" if mask_set else "image or mask"
        text = f"{len(missing.absent_cases)} of {missing.expected_cases} cases have no {what}"
        yield _line("missing", text)
    for case_id in missing.incomplete_cases[:_SHOWN]:
        paths = [path for path in missing.paths if case_id in path]
        yield _line("missing", f"{case_id} lacks {_files(len(paths))}: {paths[0]}, ...")
    if len(missing.incomplete_cases) > _SHOWN:
        more = len(missing.incomplete_cases) - _SHOWN
        yield _line("missing", f"{more} more cases are incomplete (--json lists all)")
    yield from _listed("missing", missing.files)


def _next_lines(report: Report) -> Iterator[str]:
    if report.is_dry_run:
        yield _line("next", "nothing was changed; run again without --dry-run")
        return
    if report.params_changed:
        yield _line("params.yaml", f"now reads {report.target} with the profile {report.profile}")
    yield _line("next", "ispy1 repro; then commit data/release.dvc, data/.gitignore, params.yaml")


def _files(count: int) -> str:
    return f"{count} file" + ("" if count == 1 else "s")
