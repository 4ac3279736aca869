"""Do what was planned: copy, remove, hand over to DVC, switch params.yaml."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from etl.adopt.compare import Item
from etl.adopt.foresee import find_missing, foresee_plan, is_any_new, list_params
from etl.adopt.memory import Memory, Signature, read_signature, save_memory
from etl.adopt.place import (
    Progress,
    SourceError,
    begin,
    check_space,
    count_bytes_to_copy,
    flush,
    put,
    remove,
)
from etl.adopt.plan import Plan
from etl.adopt.record import record_first
from etl.adopt.report import Note, Report
from etl.adopt.scan import list_files
from etl.model.params_file import set_params
from etl.model.project import PARAMS, params
from etl.versions.track import add_release, tracking_file


def execute_plan(plan: Plan, progress: Progress) -> Report:
    """Bring the files, then tell DVC and params.yaml.

    Raises:
        UserError: no space, no right to write, or DVC refuses. The next run goes on from there.
    """
    request, foreseen = plan.request, foresee_plan(plan)
    release = request.release
    check_space(plan.items, release, foreseen.bytes_needed, foreseen.bytes_free)
    begin(release)
    memory, refused, bytes_shared = _bring(release, plan.items, progress)
    items = [item for item in plan.items if item.taken.target in memory]
    remove(release, foreseen.removed)
    flush(release, [item.taken.target for item in items if item.taken.action != "unchanged"])
    is_tracked, params_changed = _hand_over(plan)
    _remember(plan, memory)
    recorded = record_first(request.root, release, memory, plan.profile)
    is_new = bool(foreseen.removed) or is_any_new(items)
    return replace(
        foreseen,
        taken=tuple(item.taken for item in items),
        refused=(*foreseen.refused, *refused),
        missing=find_missing(plan, items, foreseen.removed),
        bytes_shared=bytes_shared,
        recorded=recorded,
        params_changed=params_changed,
        is_changed=is_tracked or params_changed or recorded > 0 or is_new,
    )


def _bring(
    release: Path, items: Sequence[Item], progress: Progress
) -> tuple[Memory, list[Note], int]:
    """Copy one file after another. One that cannot be had is noted, and the others go on.

    Returns:
        What equals what, by path; what was refused; how many bytes share blocks with the source.
    """
    total = count_bytes_to_copy(items)
    done = bytes_shared = 0
    progress(done, total)

    def step(count: int) -> None:
        nonlocal done
        done += count
        progress(done, total)

    memory: Memory = {}
    refused = []
    for item in items:
        source, target = item.signature, item.taken.target
        if item.taken.action != "unchanged":
            try:
                source, shared = put(item.real, release, target, step)
            except SourceError as error:
                refused.append(Note(item.taken.source, str(error)))
                continue
            bytes_shared += shared
        remove(release, item.taken.replaces)
        memory[target] = ([] if item.is_packed else source, read_signature(release / target))
    return memory, refused, bytes_shared


def _hand_over(plan: Plan) -> tuple[bool, bool]:
    """Tell DVC and params.yaml. Return which of the two this changed.

    DVC may have something new although nothing was copied: a run was killed before it came here.
    """
    request = plan.request
    if not any(list_files(request.release)):
        return False, False
    tracking = tracking_file(request.root)
    before = tracking.read_bytes() if tracking.is_file() else None
    add_release(request.root)
    is_tracked = (tracking.read_bytes() if tracking.is_file() else None) != before
    params_changed = set_params(request.root / PARAMS, list_params(request, plan.profile))
    params.cache_clear()
    return is_tracked, params_changed


def _remember(plan: Plan, brought: Memory) -> None:
    """Keep what is known of the files of the release, and forget the files that went."""
    release = plan.request.release
    memory = {p: pair for p, pair in plan.present.memory.items() if (release / p).is_file()}
    for path, (source, before) in brought.items():
        now = read_signature(release / path)
        # A file that somebody touched since is compared again.
        is_same = _pick_content_part(now) == _pick_content_part(before)
        memory[path] = (source if is_same else [], now)
    save_memory(plan.request.root, memory)


def _pick_content_part(signature: Signature) -> Signature:
    """Return size and modification time: dvc add may link the file anew, which is no edit."""
    return signature[2:4]
