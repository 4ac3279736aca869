"""Do what was prepared: copy, remove, hand over to DVC, switch params.yaml."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from etl.adopt.first import record_first
from etl.adopt.leftover import Leftover, leftover
from etl.adopt.memory import Memory, Seen, Signature, remember, signature
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
from etl.adopt.plan import Item
from etl.adopt.prepare import Prepared, Request
from etl.adopt.report import Note
from etl.adopt.scan import relative_names
from etl.model.params_file import Value, set_params
from etl.model.project import PARAMS, params
from etl.tables.own_masks import MASK_SETS
from etl.versions.dvc import find_cache
from etl.versions.track import TARGET, add_release, tracking_file

_ORIGINS = 4  # how many places of one file are remembered


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
    leftover: Leftover
    prune_skipped: str | None
    space: Space
    bytes_shared: int
    recorded: int  # masks in data/adopted.csv that were not there before
    params_changed: bool
    is_changed: bool  # the release, its .dvc file, the record or params.yaml


def foresee(request: Request, prepared: Prepared) -> Done:
    """What `carry_out` would do. Changes nothing."""
    rest = leftover(request, prepared)
    params_changed = _differs(request, prepared)
    return Done(
        items=prepared.items,
        refused=(),
        leftover=rest,
        prune_skipped=_why_not_prune(request, prepared),
        space=_space(request, prepared.items),
        bytes_shared=0,
        recorded=0,
        params_changed=params_changed,
        is_changed=params_changed or bool(rest.removed) or _is_any_new(prepared.items),
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
    remove(request.release, plan.leftover.removed)
    flush(request.release, [item.target for item in brought.items if item.action != "unchanged"])
    is_tracked, params_changed = _hand_over(request, prepared)
    _remember(request, brought, prepared.memory)
    targets = [item.target for item in brought.items]
    recorded = record_first(request.root, request.release, targets, prepared.scope.profile)
    return Done(
        items=brought.items,
        refused=brought.refused,
        leftover=plan.leftover,
        prune_skipped=plan.prune_skipped,
        space=plan.space,
        bytes_shared=brought.bytes_shared,
        recorded=recorded,
        params_changed=params_changed,
        is_changed=is_tracked
        or params_changed
        or recorded > 0
        or bool(plan.leftover.removed)
        or _is_any_new(brought.items),
    )


def _hand_over(request: Request, prepared: Prepared) -> tuple[bool, bool]:
    """Tell DVC and params.yaml. Returns which of the two this changed.

    DVC may have something new although nothing was copied: a run was killed before it came here.
    """
    if not any(relative_names(request.release)):
        return False, False
    before = _content(tracking_file(request.root))
    add_release(request.root)
    is_tracked = _content(tracking_file(request.root)) != before
    params_changed = set_params(request.root / PARAMS, _values(request, prepared))
    params.cache_clear()
    return is_tracked, params_changed


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _is_any_new(items: Sequence[Item]) -> bool:
    return any(item.action != "unchanged" or item.replaces for item in items)


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
        memory[item.target] = _seen(item, seen, signature(release / item.target))
    return _Brought(tuple(kept), tuple(refused), memory, shared)


def _seen(item: Item, source: Signature, target: Signature) -> Seen:
    is_equal = item.target == item.candidate.target  # else the one is the other, packed
    return Seen(source if is_equal else [], target, (str(item.candidate.found.real),))


def _remember(request: Request, brought: _Brought, memory: Memory) -> None:
    """Keep what is known of the files of the release, and forget the files that went."""
    kept = {t: seen for t, seen in memory.items() if (request.release / t).is_file()}
    for item in brought.items:
        new, old = brought.memory[item.target], kept.get(item.target)
        origins = new.origins
        if old is not None and item.action == "unchanged":
            origins = _latest((*old.origins, *origins))
        now = signature(request.release / item.target)
        # A file that somebody touched since is compared again.
        is_same = _content_part(now) == _content_part(new.target)
        kept[item.target] = Seen(new.source if is_same else [], now, origins)
    remember(request.root, kept)


def _latest(origins: Sequence[str]) -> tuple[str, ...]:
    """The last few places, the newest last: one folder a day must not make the memory grow."""
    newest_first = dict.fromkeys(reversed(origins))
    return tuple(reversed(list(newest_first)[:_ORIGINS]))


def _content_part(seen: Signature) -> Signature:
    """Size and modification time: dvc add may link the file anew, which is no edit."""
    return seen[2:4]


def _space(request: Request, items: Sequence[Item]) -> Space:
    """The release is copied once, and once more into DVC's cache where blocks are not shared."""
    to_copy = bytes_to_copy(items)
    free = free_bytes(request.release)
    if not to_copy:
        return Space(0, 0, free)
    cache = find_cache(request.root)
    if _device(cache) == _device(request.release):
        return Space(to_copy, 2 * to_copy, free)
    return Space(to_copy, to_copy, min(free, free_bytes(cache)))


def _device(folder: Path) -> int:
    return next(f for f in (folder, *folder.parents) if f.exists()).stat().st_dev


def _why_not_prune(request: Request, prepared: Prepared) -> str | None:
    if prepared.scanned.is_whole or not request.is_prune:
        return None
    return "a folder of the source could not be listed, so nothing is known to have vanished"


def _differs(request: Request, prepared: Prepared) -> bool:
    """Whether params.yaml does not say yet what is to be written there."""
    now = params(request.root)
    rules = now.get(MASK_SETS) or {}
    flat = {**now, **{f"{MASK_SETS}.{name}": rule for name, rule in rules.items()}}
    return any(flat.get(name) != value for name, value in _values(request, prepared).items())


def _values(request: Request, prepared: Prepared) -> dict[str, Value]:
    values: dict[str, Value] = {"release": TARGET, "profile": prepared.scope.profile.name}
    if request.rule is not None:
        values[f"{MASK_SETS}.{request.mask_set}"] = request.rule
    return values
