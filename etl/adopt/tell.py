"""The report of an adoption as lines for a person: counts and a few names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath

from etl.adopt.first import RECORD
from etl.adopt.renames import rename_lines
from etl.adopt.report import Double, Missing, Note, Report, files_text, size_text

_SHOWN = 5  # how many names a line of the summary prints
_SHOWN_REMOVED = 20  # how many files that go, one a line
_LONG = 160  # characters of a name, or of joined names


def lines(report: Report) -> Iterator[str]:
    """The report for a person: counts and a few names, never a thousand lines."""
    yield f"{report.source} -> {report.target}" + (" (dry run)" if report.is_dry_run else "")
    yield _line("profile", f"{report.profile} ({report.profile_reason})")
    yield from _taken_lines(report)
    yield from _listed("matched", _matched(report))
    for verb, text in rename_lines(report.taken):
        yield _line(f"would {verb}" if report.is_dry_run else f"{verb}d", text)
    if report.rule:
        yield _line("foreground", f"{dict(report.rule)} of {report.mask_set}, in params.yaml")
    yield _line("disk", _disk(report))
    if report.recorded:
        masks = "1 mask that" if report.recorded == 1 else f"{report.recorded} masks that"
        text = f"{masks} published features come from, as first seen, in {RECORD}"
        yield _line("recorded", text)
    yield from _notes("not taken", report.not_taken)
    expected = f"a mask is named by its case: {report.mask_name}" if report.mask_set else ""
    yield from _listed("not recognised", report.unrecognised, expected)
    yield from _listed("litter", report.litter_names, "of other programs, or unfinished")
    yield from _doubles(report.doubles)
    yield from _listed("looks damaged", report.damaged, "neither gzip nor NIfTI, taken as it is")
    yield from _notes("refused", report.refused)
    yield from _no_case(report)
    yield from _missing_lines(report.missing, report.mask_set)
    yield from _leftover_lines(report)
    yield from _next_lines(report)


def shown(path: str) -> str:
    """A name from outside, safe for a terminal: control and undecodable characters escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in path)


def _line(label: str, text: str) -> str:
    return f"{label:<15}{shown(text)}"


def _taken_lines(report: Report) -> Iterator[str]:
    actions = Counter(taken.action for taken in report.taken)
    counts = ", ".join(f"{actions[a]} {a}" for a in ("added", "replaced", "unchanged"))
    verb = "would take" if report.is_dry_run else "took"
    yield _line(verb, f"{files_text(len(report.taken))}: {counts}")
    for artefact, count in sorted(Counter(taken.artefact for taken in report.taken).items()):
        yield _line("", f"{count:>5} {artefact}")


def _matched(report: Report) -> Iterator[str]:
    """Return which of the user's files were taken for which mask, where their names differ."""
    for taken in report.taken if report.mask_set else ():
        name = PurePosixPath(taken.target).name
        if PurePosixPath(taken.source).name != name:
            yield f"{taken.source} is {name}"


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


def _names(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    tail = f" and {more} more (--json lists all)" if more > 0 else ""
    return ", ".join(names[:_SHOWN]) + tail


def _listed(label: str, names: Iterable[str], why: str = "") -> Iterator[str]:
    everything = list(names)
    if everything:
        text = f"{files_text(len(everything))}: {_names(everything)}"
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


def _no_case(report: Report) -> Iterator[str]:
    count, cases = len(report.no_case), sorted({one.case_id for one in report.no_case})
    if cases:
        subject = "1 mask belongs" if count == 1 else f"{count} masks belong"
        todo = "adopt the case first" if len(cases) == 1 else "adopt these cases first"
        text = f"{subject} to no case of the release: {_names(cases)}"
        yield _line("refused", f"{text}; {todo}, then run this again")


def _missing_lines(missing: Missing, mask_set: str | None) -> Iterator[str]:
    absent = missing.absent_cases
    if absent:
        verb = "has" if len(absent) == 1 else "have"
        what = f"mask of {mask_set}" if mask_set else "image or mask"
        text = f"{len(absent)} of {_cases(missing.expected_cases)} {verb} no {what}"
        yield _line("missing", f"{text}: {_names(absent)}")
    for case_id in missing.incomplete_cases[:_SHOWN]:
        paths = [path for path in missing.paths if case_id in path]
        tail = ", ..." if len(paths) > 1 else ""
        yield _line("missing", f"{case_id} lacks {files_text(len(paths))}: {paths[0]}{tail}")
    more = len(missing.incomplete_cases) - _SHOWN
    if more > 0:
        verb = "is" if more == 1 else "are"
        yield _line("missing", f"{_cases(more, 'more ')} {verb} incomplete (--json lists all)")
    yield from _listed("missing", missing.files)
    if missing.slice:
        yield _line("missing", f"{missing.slice}, which no download has: ispy1 idc cuts it")


def _cases(count: int, more: str = "") -> str:
    return f"{count} {more}case" + ("" if count == 1 else "s")


def _leftover_lines(report: Report) -> Iterator[str]:
    """What the release has and the source does not."""
    yield from _listed("vanished", report.vanished, "once taken from this folder, gone there, kept")
    if report.elsewhere:
        text = f"{files_text(len(report.elsewhere))} of the release that this folder does not have"
        yield _line("kept", text)
    yield from _removed_lines(report)
    yield from _listed("kept", report.kept, "of your own: --mask-set NAME prunes masks")
    if report.prune_skipped:
        yield _line("not pruned", report.prune_skipped)


def _removed_lines(report: Report) -> Iterator[str]:
    label = "would remove" if report.is_dry_run else "removed"
    if report.removed:
        yield _line(label, files_text(len(report.removed)))
    for path in report.removed[:_SHOWN_REMOVED]:
        yield _line("", f"  {path}")
    more = len(report.removed) - _SHOWN_REMOVED
    if more > 0:
        yield _line("", f"  and {more} more (--json lists all)")


def _next_lines(report: Report) -> Iterator[str]:
    if not report.is_changed:
        yield "nothing would change" if report.is_dry_run else "nothing changed"
        return
    if report.is_dry_run:
        yield _line("next", "nothing was changed; run again without --dry-run")
        return
    if report.params_changed:
        yield _line("params.yaml", f"now reads {report.target} with the profile {report.profile}")
    yield "next: ispy1 repro, then: git add -A && git commit"
