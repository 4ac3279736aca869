"""`ispy1 status`: release, versions, what is stale, verdict, remote and hand edits, in few lines.

DVC says what is stale of its stages, in a process beside this one; the plan of the build says what
`ispy1 tables` would do.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from etl.build.run import plan_tables
from etl.gate.judged import find_recorded_hash, list_blob_sizes, list_changed_blobs, shorten_list
from etl.gate.report import METRIC
from etl.model import git_tables, project
from etl.model.address import is_address
from etl.model.errors import UserError
from etl.model.profile import Profile, load_profile
from etl.text.values import format_bytes
from etl.versions import dvc, git, rwlock
from etl.versions.edits import list_edits

_LOCK = "dvc.lock"
_WILL_BE_LOST = (
    "not what the last build left, and will be written over by DVC; "
    "edit an adopted copy of the release instead"
)


@dataclass(frozen=True, slots=True)
class Status:
    """The state of a project; every field is a list of facts in words or numbers."""

    release: dict[str, Any]
    versions: dict[str, Any]
    stale: dict[str, str]
    tables: list[dict[str, Any]]
    changed_blobs: list[str]
    verdict: dict[str, Any]
    remote: str | None
    hand_edits: list[str]

    def as_json(self) -> dict[str, Any]:
        """Return the status for machines."""
        return asdict(self)


def status(root: Path, ask_dvc: Callable[[], dict[str, list[Any]]] | None = None) -> Status:
    """Read the state of the project at `root`.

    Args:
        root: the project.
        ask_dvc: waits for the answer of a `dvc status` that runs already; default: start one.

    Raises:
        UserError: params.yaml, the profile or a DVC file cannot be read.
    """
    ask_dvc = ask_dvc or dvc.start_status(root)
    profile = load_profile(root)
    tables = _plan_tables(root)
    answer = ask_dvc()
    changed = list_changed_blobs(root, profile) if _is_release_changed(root, answer) else []
    is_elsewhere = is_address(project.release_name(root))  # nothing reads what data/ has
    stale = {
        stage: _explain_stale(changes)
        for stage, changes in answer.items()
        if not (is_elsewhere and stage.startswith("data/"))
    }
    if rwlock.has_damaged_lock(root):
        stale[rwlock.RWLOCK] = "cut short by a killed build; `ispy1 repro` mends it"
    verdict = _read_verdict(root)
    if set(stale) == {"verdict"} and verdict["verdict"] == "red":
        stale = {}  # a red verdict fails by design and is never locked: nothing is left to build
    return Status(
        release=_read_release(root, profile),
        versions=_read_versions(root),
        stale=stale,
        tables=tables,
        changed_blobs=changed,
        verdict=verdict,
        remote=dvc.read_remote_name(root),
        hand_edits=[*list_edits(root), *_list_edits_of_outputs(root, answer)],
    )


def _plan_tables(root: Path) -> list[dict[str, Any]]:
    """Return the tables that `ispy1 tables` would build; none where there is no index yet."""
    try:
        return [asdict(table) for table in plan_tables(root) if table.reasons]
    except UserError:
        return []


def _is_release_changed(root: Path, answer: Mapping[str, Sequence[Any]]) -> bool:
    """Return whether DVC says that blobs changed; which ones takes another second."""
    release = project.release_name(root)
    return any(release in json.dumps(changes) for changes in answer.values())


def _explain_stale(changes: Sequence[Any]) -> str:
    """Return in words what DVC says of a stage."""
    return "; ".join(dict.fromkeys(_name_changes(changes))) or "never run"


def _name_changes(changes: Sequence[Any]) -> Iterator[str]:
    for change in changes:
        if isinstance(change, str):
            yield change
            continue
        for entries in change.values():
            for path, state in entries.items():
                values = ", ".join(state) if isinstance(state, dict) else ""
                yield f"{path}: {values}" if values else f"{path} {state}"


# --- The release --------------------------------------------------------------------------------


def _read_release(root: Path, profile: Profile) -> dict[str, Any]:
    name = project.release_name(root)
    sizes = list_blob_sizes(project.release_path(root))
    return {
        "path": name,
        "dataset": profile.dataset,
        "profile": profile.name,
        "files": len(sizes),
        "bytes": sum(sizes.values()),
        "dvc_hash": find_recorded_hash(root, name),
    }


# --- Versions, verdict --------------------------------------------------------------------------


def _read_versions(root: Path) -> dict[str, Any]:
    try:
        head = git.resolve(root, "HEAD")
        tags = git.list_tags(root)
        committed = git.read_files_at(root, head, [_LOCK, "data"])
    except UserError as error:
        return {"head": None, "tags": [], "uncommitted": [], "problem": str(error)}
    present = [path for path in (_LOCK, *_list_dvc_files(root)) if (root / path).is_file()]
    odd = [path for path in present if committed.get(path) != (root / path).read_bytes()]
    return {
        "head": head.commit[:8],
        "committed": head.committed.date().isoformat(),
        "tags": [str(tag) for tag in tags],
        "tags_of_head": [str(tag) for tag in tags if tag.commit == head.commit],
        "uncommitted": odd,
    }


def _list_dvc_files(root: Path) -> Iterator[str]:
    for pattern in ("data/*.dvc", "data/dvc.lock"):
        yield from (path.relative_to(root).as_posix() for path in sorted(root.glob(pattern)))


def _read_verdict(root: Path) -> dict[str, Any]:
    try:
        facts: dict[str, Any] = json.loads((root / METRIC).read_text(encoding="utf-8"))
        return {key: facts[key] for key in ("verdict", "n_contracts", "n_checked", "n_failed")}
    except (OSError, ValueError, KeyError, TypeError):
        return {"verdict": None}


# --- Edits by hand ------------------------------------------------------------------------------


def _list_edits_of_outputs(root: Path, answer: Mapping[str, Sequence[Any]]) -> Iterator[str]:
    """Yield outputs of stages that are here and are not what their stage wrote.

    Not those that a person may edit too, such as splits.csv: their stage reads them and keeps them.
    """
    edited_by_people = {*git_tables.CSV_FILES.values(), str(project.param(root, "release"))}
    for changes in answer.values():
        for change in changes:
            outs = change.get("changed outs", {}) if isinstance(change, dict) else {}
            for path, state in outs.items():
                if state == "modified" and path not in edited_by_people:
                    yield path


# --- Words --------------------------------------------------------------------------------------


def format_lines(now: Status) -> Iterator[str]:
    """Yield the status, a line for each subject."""
    release, version, verdict = now.release, now.versions, now.verdict
    yield f"release    {release['path']}: {release['dataset']} (profile {release['profile']})"
    size = f"{release['files']} files, {format_bytes(release['bytes'])}"
    yield f"blobs      {size if release['files'] else _explain_absence(release['path'])}"
    yield f"dvc hash   {release['dvc_hash'] or 'none: the release is not tracked yet'}"
    yield f"version    {_describe_version(version)}"
    yield f"tags       {shorten_list(version['tags'][::-1]) or 'none'}"
    uncommitted = version["uncommitted"]
    yield f"to commit  {shorten_list(uncommitted) or 'nothing of the data'}"
    yield f"stale      {_describe_stale(now.stale)}"
    yield f"tables     {_describe_tables(now.tables)}"
    yield f"verdict    {_describe_verdict(verdict, is_old=bool(now.stale))}"
    yield f"remote     {now.remote or f'none. {dvc.ADD_REMOTE}'}"
    edits = now.hand_edits
    if edits:
        yield f"hand edits {shorten_list(edits)}: {_WILL_BE_LOST}"
    else:
        yield "hand edits none where DVC would restore"


def _explain_absence(release: str) -> str:
    if is_address(release):
        return "out of reach: `ispy1 fsck --quick` says why"
    return "not here: `make` or `dvc pull` brings them"


def _describe_stale(stale: Mapping[str, str]) -> str:
    if not stale:
        return "nothing"
    first, why = next(iter(stale.items()))
    return f"{shorten_list(list(stale))} ({first}: {why}); `ispy1 repro` builds them"


def _describe_tables(tables: Sequence[Mapping[str, Any]]) -> str:
    if not tables:
        return "fresh"
    first, n_units = tables[0], sum(table["measured"] for table in tables)
    names = shorten_list([table["table"] for table in tables])
    why = f"{first['table']}: {'; '.join(first['reasons'])}"
    return f"{names} stale ({why}); {n_units} units to measure: `ispy1 tables --dry-run`"


def _describe_version(version: Mapping[str, Any]) -> str:
    if version["head"] is None:
        return str(version["problem"])
    names = ", ".join(version["tags_of_head"]) or "no tag"
    return f"HEAD {version['head']} of {version['committed']} ({names})"


def _describe_verdict(verdict: Mapping[str, Any], *, is_old: bool) -> str:
    if verdict["verdict"] is None:
        return "none: the gate did not run yet"
    failed = ", ".join(f"{n} {kind}" for kind, n in verdict["n_failed"].items() if n)
    age = " (of an older build)" if is_old else ""
    checked = f"{verdict['n_checked']} of {verdict['n_contracts']} contracts judged"
    return f"{verdict['verdict']}{age}: {checked}; broken: {failed or 'none'}"
