"""Do what was prepared: copy, remove, hand over to DVC, switch params.yaml."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from etl.adopt.memory import Memory, Signature, recall, remember, signature
from etl.adopt.place import (
    Progress,
    SourceError,
    begin,
    bytes_to_copy,
    check_space,
    flush,
    free_bytes,
    put,
    remove,
)
from etl.adopt.plan import Item, vanished
from etl.adopt.prepare import Prepared, Request
from etl.adopt.report import Note
from etl.adopt.scan import relative_names
from etl.adopt.track import TARGET, cache_folder, dvc_add
from etl.params_file import set_params
from etl.project import PARAMS, params


@dataclass(frozen=True, slots=True)
class Space:
    """Bytes to copy, bytes that this takes with DVC's cache, and bytes that are free for it."""

    to_copy: int
    needed: int
    free: int


@dataclass(frozen=True, slots=True)
class Done:
    """What was done, or would be in a dry run."""

    items: tuple[Item, ...]
    refused: tuple[Note, ...]
    vanished: tuple[str, ...]
    removed: tuple[str, ...]
    prune_skipped: str | None
    space: Space
    bytes_shared: int
    params_changed: bool


def foresee(request: Request, prepared: Prepared) -> Done:
    """What `carry_out` would do. Changes nothing."""
    gone = vanished(prepared.present, prepared.items, prepared.undecided, prepared.scope)
    if not prepared.scanned.is_whole:
        gone = ()  # who knows
    return Done(
        items=prepared.items,
        refused=(),
        vanished=() if request.is_prune else gone,
        removed=gone if request.is_prune else (),
        prune_skipped=_why_not_prune(request, prepared),
        space=_space(request, prepared.items),
        bytes_shared=0,
        params_changed=any(params(request.root).get(k) != v for k, v in _values(prepared)),
    )


def carry_out(request: Request, prepared: Prepared, progress: Progress) -> Done:
    """Bring the files, then tell DVC and params.yaml.

    Raises:
        UserError: no space, no right to write, or DVC refuses. The next run goes on from there.
    """
    plan = foresee(request, prepared)
    check_space(plan.items, request.release, plan.space.needed, plan.space.free)
    begin(request.release)
    brought = _bring(request.release, plan.items, progress)
    remove(request.release, plan.removed)
    flush(request.release, [item.target for item in brought.items if item.action != "unchanged"])
    is_changed = False
    if any(relative_names(request.release)):
        dvc_add(request.root)
        is_changed = set_params(request.root / PARAMS, dict(_values(prepared)))
        params.cache_clear()
    _remember(request, brought)
    return Done(
        items=brought.items,
        refused=brought.refused,
        vanished=plan.vanished,
        removed=plan.removed,
        prune_skipped=plan.prune_skipped,
        space=plan.space,
        bytes_shared=brought.bytes_shared,
        params_changed=is_changed,
    )


@dataclass(frozen=True, slots=True)
class _Brought:
    items: tuple[Item, ...]
    refused: tuple[Note, ...]
    memory: Memory
    bytes_shared: int


def _bring(release: Path, items: Sequence[Item], progress: Progress) -> _Brought:
    """Copy one file after another. One that cannot be had is noted, and the others go on."""
    total = bytes_to_copy(items)
    done = shared = 0
    progress(done, total)

    def step(count: int) -> None:
        nonlocal done
        done += count
        progress(done, total)

    kept, refused, memory = [], [], {}
    for item in items:
        seen = item.source_signature
        if item.action != "unchanged":
            try:
                placed = put(item.candidate.found.real, release, item.target, step)
            except SourceError as error:
                refused.append(Note(item.candidate.found.path, str(error)))
                continue
            seen, shared = placed.source, shared + placed.bytes_shared
        remove(release, item.replaces)
        kept.append(item)
        if item.target == item.candidate.target:
            memory[item.target] = [seen, signature(release / item.target)]
    return _Brought(tuple(kept), tuple(refused), memory, shared)


def _remember(request: Request, brought: _Brought) -> None:
    """Keep what is known to be equal, unless the release's file was touched since."""
    kept = {}
    for target, (source, before) in brought.memory.items():
        now = signature(request.release / target)
        if _content_part(now) == _content_part(before):
            kept[target] = [source, now]
    remember(request.root, recall(request.root) | kept)


def _content_part(seen: Signature) -> Signature:
    """Size and modification time: dvc add may link the file anew, which is no edit."""
    return seen[2:4]


def _space(request: Request, items: Sequence[Item]) -> Space:
    """The release is copied once, and once more into DVC's cache where blocks are not shared."""
    to_copy = bytes_to_copy(items)
    free = free_bytes(request.release)
    if not to_copy:
        return Space(0, 0, free)
    cache = cache_folder(request.root)
    if _device(cache) == _device(request.release):
        return Space(to_copy, 2 * to_copy, free)
    return Space(to_copy, to_copy, min(free, free_bytes(cache)))


def _device(folder: Path) -> int:
    return next(f for f in (folder, *folder.parents) if f.exists()).stat().st_dev


def _why_not_prune(request: Request, prepared: Prepared) -> str | None:
    if prepared.scanned.is_whole or not request.is_prune:
        return None
    return "a folder of the source could not be listed, so nothing is known to have vanished"


def _values(prepared: Prepared) -> list[tuple[str, str]]:
    return [("release", TARGET), ("profile", prepared.scope.profile.name)]
