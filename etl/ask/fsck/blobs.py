"""The release: its blobs against the index, what DVC keeps, and the publisher's manifest."""

from __future__ import annotations

import shlex
from pathlib import Path

from etl.ask.fsck.model import Problem, Progress, Report, Tracked, hash_content
from etl.build.index import index_path, read_index
from etl.model import project
from etl.model.errors import UserError
from etl.model.profile import load_profile
from etl.model.release import MARKS, is_litter, parse
from etl.tables import blobs
from etl.tables.unit import Blob, Context
from etl.versions import dvc
from etl.versions.objects import hash_objects

AREA = "release"
MANIFEST = "manifest"
_DOWNLOAD = (
    "DOWNLOAD is a folder with the file as it was published; "
    "if you edited it on purpose, the gate says so at every build"
)
Hashes = dict[str, tuple[str, int]]


def check_release(tracked: Tracked, report: Report, *, read: bool, progress: Progress) -> None:
    """Compare every blob of the release (`read`: hashed anew, else by DVC's builder)."""
    root = tracked.root
    release = project.release_path(root)
    name = project.release_name(root)
    if isinstance(release, Path) and not release.is_dir():
        report.notes.append(f"release: {name} is not here; `dvc pull {name}` or `make` brings it")
        return
    try:
        if isinstance(release, Path):
            hashes = dvc.release_hashes(root, release)
        else:
            hashes = hash_objects(root, release, believe=not read)
    except UserError as error:
        if not tracked.paths:  # without git DVC refuses, and the report has said so
            report.notes.append(f"release: not checked: {error}")
            return
        is_local = isinstance(release, Path)
        repair = f"chmod -R u+rX {shlex.quote(name)}" if is_local else "ispy1 fsck --quick"
        otherwise = "" if is_local else "again, once the store answers"
        problem = Problem(AREA, name, "files that can be read", str(error), repair, otherwise)
        report.problems.append(problem)
        return
    hashes = {path: facts for path, facts in hashes.items() if not is_litter(path)}
    if read and isinstance(release, Path):
        hashes = _hash_all(release, hashes, progress)
    expected = _find_expected(tracked, name, report)
    if expected is not None:
        report.problems += _compare(tracked, name, expected, hashes)
    report.checked[AREA] = f"{len(hashes)} blobs {'hashed' if read else 'by their DVC state'}"
    _check_manifest(root, hashes, report)


def _hash_all(release: Path, hashes: Hashes, progress: Progress) -> Hashes:
    """Hash the files from their bytes: DVC reads only those with another time or size."""
    from_bytes: Hashes = {}
    for number, (path, (md5, size)) in enumerate(hashes.items(), 1):
        progress(number, len(hashes))
        from_bytes[path] = (md5 if md5 in MARKS else hash_content(release / path), size)
    return from_bytes


def _find_expected(tracked: Tracked, name: str, report: Report) -> dict[str, str] | None:
    """Return path to MD5 by the index, else by what DVC keeps; None where nothing says it."""
    if index_path(tracked.root, "blobs").is_file():
        try:
            index = read_index(tracked.root, "blobs", load_profile(tracked.root))
        except UserError as error:
            report.problems.append(
                Problem(AREA, "data/index/blobs.csv", "an index", str(error), "ispy1 repro")
            )
            return None
        return {blob.path: blob.md5 for blob in index.blobs}
    hashes = {
        path.removeprefix(f"{name}/"): md5
        for path, md5 in tracked.paths.items()
        if path.startswith(f"{name}/")
    }
    report.notes.append(
        "release: there is no index; "
        + ("compared with what DVC keeps" if hashes else "nothing to compare with")
    )
    return hashes or None


def _compare(
    tracked: Tracked, name: str, expected: dict[str, str], hashes: Hashes
) -> list[Problem]:
    problems = []
    for path in sorted(expected.keys() | hashes.keys()):
        was, now = expected.get(path), hashes.get(path, (None, 0))[0]
        if was != now:
            problems.append(_report_difference(tracked, f"{name}/{path}", was, now))
    return problems


def _report_difference(tracked: Tracked, path: str, was: str | None, now: str | None) -> Problem:
    expected = f"MD5 {was} (index)" if was else "no such file (the index does not list it)"
    observed = f"MD5 {now}" if now else "no file"
    back = tracked.find_repair(path) if was and tracked.paths.get(path) == was else None
    if back is None:
        otherwise = "" if was is None else "no copy of the old content is known here"
        return Problem(AREA, path, expected, observed, "ispy1 repro", otherwise)
    return Problem(AREA, path, expected, observed, back, "if the change is yours: ispy1 repro")


def _check_manifest(root: Path, hashes: Hashes, report: Report) -> None:
    """Report blobs of another MD5 than the publisher's manifest states."""
    profile, release = load_profile(root), project.release_path(root)
    unit = tuple(Blob(parse(p, profile), md5, size) for p, (md5, size) in sorted(hashes.items()))
    out = blobs.measure(unit, Context(root, release, profile, unit))
    rows = [row for row in out.rows if row["publisher_md5"]]
    reported = {problem.path for problem in report.problems}
    folder = project.release_name(root)
    is_local = isinstance(release, Path)
    bring = "ispy1 adopt DOWNLOAD" if is_local else "copy it from DOWNLOAD to its address"
    for row in rows:
        path = f"{folder}/{row['path']}"
        if row["verdict"] == "mismatch" and path not in reported:
            expected, observed = f"MD5 {row['publisher_md5']} (publisher)", f"MD5 {row['md5']}"
            report.problems.append(Problem(MANIFEST, path, expected, observed, bring, _DOWNLOAD))
    report.problems += [
        Problem(MANIFEST, f"{folder}/{f.path}", f.expected, f.observed, bring, f.fix)
        for f in out.findings
        if f.check.startswith(MANIFEST)
    ]
    absent = sum(row["verdict"] == "missing" for row in rows)
    if absent:
        report.notes.append(f"manifest: {absent} files that the publisher lists are not here")
    if not any(blob.name.artefact == MANIFEST for blob in unit):
        report.notes.append("manifest: this release has none")
        return
    agree = sum(row["verdict"] == "match" for row in rows)
    report.checked[MANIFEST] = f"{len(rows)} files listed, {agree} with the publisher's MD5"
