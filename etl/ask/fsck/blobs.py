"""The release: its blobs against the index, what DVC keeps, and the publisher's manifest."""

from __future__ import annotations

import shlex
from pathlib import Path

from etl.ask.fsck.model import Kept, Problem, Progress, Report, md5_of
from etl.build.index import index_path, read_index
from etl.model import project
from etl.model.errors import UserError
from etl.model.profile import load_profile
from etl.model.release import MARKS, is_litter, parse
from etl.tables import blobs
from etl.tables.unit import Blob, Context, Measured
from etl.versions import dvc

AREA = "release"
MANIFEST = "manifest"
Hashes = dict[str, tuple[str, int]]


def check_release(kept: Kept, report: Report, *, read: bool, progress: Progress) -> None:
    """Compare every blob of the release (`read`: hashed anew, else by DVC's builder)."""
    root = kept.root
    release = project.release_path(root)
    name = release.relative_to(root).as_posix()
    if not release.is_dir():
        report.notes.append(f"release: {name} is not here; `dvc pull {name}` or `make` brings it")
        return
    try:
        found = dvc.release_hashes(root, release)
    except UserError as error:
        if not kept.paths:  # without git DVC refuses, and the report has said so
            report.notes.append(f"release: not checked: {error}")
            return
        repair = f"chmod -R u+rX {shlex.quote(name)}"
        report.problems.append(Problem(AREA, name, "files that can be read", str(error), repair))
        return
    found = {path: facts for path, facts in found.items() if not is_litter(path)}
    if read:
        found = _read_all(release, found, progress)
    expected = _expected(kept, name, report)
    if expected is not None:
        report.problems += _compare(kept, name, expected, found)
    report.checked[AREA] = f"{len(found)} blobs {'hashed' if read else 'by their DVC state'}"
    _check_manifest(root, found, report)


def _read_all(release: Path, found: Hashes, progress: Progress) -> Hashes:
    """The same files, hashed from their bytes: DVC reads only those with another time or size."""
    hashes: Hashes = {}
    for number, (path, (md5, size)) in enumerate(found.items(), 1):
        progress(number, len(found))
        try:
            hashes[path] = (md5 if md5 in MARKS else md5_of(release / path), size)
        except OSError as error:
            hashes[path] = (f"unreadable ({error.strerror})", size)
    return hashes


def _expected(kept: Kept, name: str, report: Report) -> dict[str, str] | None:
    """Path in the release to MD5, by the index, else by what DVC keeps; None: nothing says it."""
    if index_path(kept.root, "blobs").is_file():
        try:
            index = read_index(kept.root, "blobs", load_profile(kept.root))
        except UserError as error:
            report.problems.append(
                Problem(AREA, "data/index/blobs.csv", "an index", str(error), "ispy1 repro")
            )
            return None
        return {blob.path: blob.md5 for blob in index.blobs}
    tracked = {
        path.removeprefix(f"{name}/"): md5
        for path, md5 in kept.paths.items()
        if path.startswith(f"{name}/")
    }
    report.notes.append(
        "release: there is no index; "
        + ("compared with what DVC keeps" if tracked else "nothing to compare with")
    )
    return tracked or None


def _compare(kept: Kept, name: str, expected: dict[str, str], found: Hashes) -> list[Problem]:
    problems = []
    for path in sorted(expected.keys() | found.keys()):
        was, now = expected.get(path), found.get(path, (None, 0))[0]
        if was != now:
            problems.append(_differs(kept, f"{name}/{path}", was, now))
    return problems


def _differs(kept: Kept, path: str, was: str | None, now: str | None) -> Problem:
    expected = f"MD5 {was} (index)" if was else "no such file (the index does not list it)"
    found = f"MD5 {now}" if now else "no file"
    back = kept.bring_back(path) if was and kept.paths.get(path) == was else None
    if back is None:
        otherwise = "" if was is None else "no copy of the old content is known here"
        return Problem(AREA, path, expected, found, "ispy1 repro", otherwise)
    return Problem(AREA, path, expected, found, back, "if the change is yours: ispy1 repro")


def _check_manifest(root: Path, found: Hashes, report: Report) -> None:
    """Every blob that the publisher's manifest lists has the MD5 that it states."""
    profile, release = load_profile(root), project.release_path(root)
    unit = tuple(Blob(parse(p, profile), md5, size) for p, (md5, size) in sorted(found.items()))
    out = blobs.measure(unit, Context(root, release, profile, unit))
    rows = [row for row in out.rows if row["publisher_md5"]]
    told = {problem.path for problem in report.problems}
    folder = release.relative_to(root).as_posix()
    for row in rows:
        path = f"{folder}/{row['path']}"
        if row["verdict"] == "mismatch" and path not in told:
            report.problems.append(_mismatch(path, row["publisher_md5"], row["md5"]))
    report.problems += _unreadable(folder, out)
    absent = sum(row["verdict"] == "missing" for row in rows)
    if absent:
        report.notes.append(f"manifest: {absent} files that the publisher lists are not here")
    if not any(blob.name.artefact == MANIFEST for blob in unit):
        report.notes.append("manifest: this release has none")
        return
    agree = sum(row["verdict"] == "match" for row in rows)
    report.checked[MANIFEST] = f"{len(rows)} files listed, {agree} with the publisher's MD5"


def _mismatch(path: str, publisher: str, now: str) -> Problem:
    return Problem(
        MANIFEST,
        path,
        f"MD5 {publisher} (publisher)",
        f"MD5 {now}",
        "ispy1 adopt DOWNLOAD",
        "DOWNLOAD is a folder with the file as it was published; "
        "if you edited it on purpose, the gate says so at every build",
    )


def _unreadable(folder: str, out: Measured) -> list[Problem]:
    return [
        Problem(
            MANIFEST, f"{folder}/{f.path}", f.expected, f.observed, "ispy1 adopt DOWNLOAD", f.fix
        )
        for f in out.findings
        if f.check.startswith(MANIFEST)
    ]
