"""The report of an adoption as lines for a person: counts and a few names, never a thousand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath

from etl.adopt.record import RECORD
from etl.adopt.report import Note, Report, Taken, format_count
from etl.text.values import format_bytes

_SHOWN = 5  # how many names a line of the summary prints
_SHOWN_NOTES = 10  # how many files that were not taken, one per line
_SHOWN_REMOVED = 20  # how many files that go, one per line
_LONG = 160  # characters of a path

_Lines = Iterator[tuple[str, str]]  # label and text


def format_report(report: Report) -> Iterator[str]:
    """Yield the report as lines."""
    yield f"{report.source} -> {report.target}" + (" (dry run)" if report.is_dry_run else "")
    for lines in (_tell_taken, _tell_not_taken, _tell_missing, _tell_not_in_source):
        for label, text in lines(report):
            yield f"{label:<15}{escape(text)}"
    yield from _format_next(report)


def escape(path: str) -> str:
    """Return a name from outside, safe for a terminal: without control characters."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in path)


def _tell_taken(report: Report) -> _Lines:
    yield "profile", f"{report.profile} ({report.profile_reason})"
    actions = Counter(file.action for file in report.taken)
    counts = ", ".join(f"{actions[a]} {a}" for a in ("added", "replaced", "unchanged"))
    verb = "would take" if report.is_dry_run else "took"
    yield verb, f"{format_count(len(report.taken))}: {counts}"
    for artefact, count in sorted(Counter(file.artefact for file in report.taken).items()):
        yield "", f"{count:>5} {artefact}"
    yield from _list("matched", _match_names(report))
    for verb, text in _tell_renames(report.taken):
        yield f"would {verb}" if report.is_dry_run else f"{verb}d", text
    if report.rule:
        yield "foreground", f"{dict(report.rule)} of {report.mask_set}, in params.yaml"
    yield "disk", _describe_disk(report)
    if report.recorded:
        masks = format_count(report.recorded, "mask")
        yield "recorded", f"{masks} that published features come from, as first seen, in {RECORD}"


def _tell_not_taken(report: Report) -> _Lines:
    yield from _tell_notes("not taken", report.not_taken)
    expected = f"a mask is named by its case: {report.mask_name}" if report.mask_set else ""
    yield from _list("not recognised", report.unrecognised, expected)
    yield from _list("litter", report.litter_names, "of other programs, or unfinished")
    duplicates = (
        f"took {d.taken}, left {', '.join(d.others)} ({d.reason})" for d in report.doubles
    )
    yield from _cut("duplicate", duplicates, _SHOWN)
    yield from _list("looks damaged", report.damaged, "neither gzip nor NIfTI, taken as it is")
    yield from _tell_notes("refused", report.refused)
    if cases := sorted({mask.case_id for mask in report.no_case}):
        masks = format_count(len(report.no_case), "mask")
        verb = "belongs" if len(report.no_case) == 1 else "belong"
        todo = "adopt the case first" if len(cases) == 1 else "adopt these cases first"
        text = f"{masks} {verb} to no case of the release: {_join(cases)}"
        yield "refused", f"{text}; {todo}, then run this again"


def _tell_notes(label: str, notes: Iterable[Note]) -> _Lines:
    yield from _cut(label, (f"{_shorten(n.path)}: {n.reason}" for n in notes), _SHOWN_NOTES)


def _tell_missing(report: Report) -> _Lines:
    missing = report.missing
    if missing.absent_cases:
        verb = "has" if len(missing.absent_cases) == 1 else "have"
        lacking = f"mask of {report.mask_set}" if report.mask_set else "image or mask"
        count = f"{len(missing.absent_cases)} of {format_count(missing.expected_cases, 'case')}"
        yield "missing", f"{count} {verb} no {lacking}: {_join(missing.absent_cases)}"
    for case_id in missing.incomplete_cases[:_SHOWN]:
        paths = [path for path in missing.paths if case_id in path]
        tail = ", ..." if len(paths) > 1 else ""
        yield "missing", f"{case_id} lacks {format_count(len(paths))}: {paths[0]}{tail}"
    rest = len(missing.incomplete_cases) - _SHOWN
    if rest > 0:
        verb = "is" if rest == 1 else "are"
        yield "missing", f"{format_count(rest, 'more case')} {verb} incomplete (--json lists all)"
    yield from _list("missing", missing.files)
    if missing.slice:
        yield "missing", f"{missing.slice}, which no download has: ispy1 idc cuts it"


def _tell_not_in_source(report: Report) -> _Lines:
    yield from _list("kept", report.not_in_source, "of the release, not in this folder")
    if report.removed:
        verb = "would remove" if report.is_dry_run else "removed"
        yield verb, format_count(len(report.removed))
    for path in report.removed[:_SHOWN_REMOVED]:
        yield "", f"  {path}"
    if (rest := len(report.removed) - _SHOWN_REMOVED) > 0:
        yield "", f"  and {rest} more (--json lists all)"
    yield from _list("kept", report.kept, "of your own: --mask-set NAME prunes masks")
    if report.prune_skipped:
        yield "not pruned", report.prune_skipped


def _format_next(report: Report) -> Iterator[str]:
    if not report.is_changed:
        yield "nothing would change" if report.is_dry_run else "nothing changed"
        return
    if report.is_dry_run:
        yield f"{'next':<15}nothing was changed; run again without --dry-run"
        return
    if report.params_changed:
        yield f"{'params.yaml':<15}now reads {report.target} with the profile {report.profile}"
    yield "next: ispy1 repro, then: git add -A && git commit"


def _match_names(report: Report) -> Iterator[str]:
    """Yield which of the user's files were taken for which mask, where their names differ."""
    for file in report.taken if report.mask_set else ():
        if _name(file.source) != _name(file.target):
            yield f"{file.source} is {_name(file.target)}"


def _tell_renames(files: Sequence[Taken]) -> _Lines:
    """Yield verb and text about the files that were brought now under another name or path.

    Every root folder and case folder goes on the way, so of images and masks only new names are
    told; of workbooks and other tables also that they were moved.
    """
    brought = [file for file in files if file.action != "unchanged" and file.artefact != "other"]
    renamed = [file for file in brought if _name(file.source) != _name(file.target)]
    moved = [file for file in brought if file not in renamed and file.source != file.target]
    blobs = [file for file in renamed if _is_blob(file)]
    if blobs:
        example = f"e.g. {_name(blobs[0].source)} -> {_name(blobs[0].target)}"
        yield "rename", f"{format_count(len(blobs))}{_count_additions(blobs)}, {example}"
    for verb, others in (("rename", renamed), ("move", moved)):
        for file in [file for file in others if not _is_blob(file)][:_SHOWN]:
            yield verb, f"{file.source} -> {file.target}"


def _count_additions(renamed: Sequence[Taken]) -> str:
    """Return what was put before or after names, with counts: ` (27 got _zscored)`."""
    pairs = ((_strip(file.source), _strip(file.target)) for file in renamed)
    additions = Counter(
        new.removesuffix(old) if new.endswith(old) else new.removeprefix(old)
        for old, new in pairs
        if old != new and (new.endswith(old) or new.startswith(old))
    )
    texts = [f"{count} got {part}" for part, count in additions.items()]
    return f" ({', '.join(texts)})" if texts else ""


def _describe_disk(report: Report) -> str:
    text = (
        f"{format_bytes(report.bytes_to_copy)} to copy, {format_bytes(report.bytes_needed)} needed "
        f"with DVC's cache, {format_bytes(report.bytes_free)} free"
    )
    if report.bytes_needed > report.bytes_free:
        text += ": TOO LITTLE, unless the disk can share blocks with the source"
    if report.bytes_shared:
        text += f"; {format_bytes(report.bytes_shared)} share their blocks with the source"
    return text


def _list(label: str, names: Iterable[str], why: str = "") -> _Lines:
    """Yield one line with the count of the names and the first of them, none without names."""
    if listed := list(names):
        text = f"{format_count(len(listed))}: {_join(listed)}"
        yield label, f"{text}; {why}" if why else text


def _cut(label: str, texts: Iterable[str], shown: int) -> _Lines:
    """Yield a line per text, up to a number, then how many there are more."""
    listed = list(texts)
    yield from ((label, text) for text in listed[:shown])
    if len(listed) > shown:
        yield label, f"{len(listed) - shown} more (--json lists all)"


def _join(names: Sequence[str]) -> str:
    rest = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {rest} more (--json lists all)" if rest > 0 else "")


def _shorten(path: str) -> str:
    return path if len(path) <= _LONG else f"{path[:_LONG]}..."


def _is_blob(file: Taken) -> bool:
    return file.artefact.startswith(("image_", "mask"))


def _name(path: str) -> str:
    return PurePosixPath(path).name


def _strip(path: str) -> str:
    return _name(path).partition(".nii")[0]
