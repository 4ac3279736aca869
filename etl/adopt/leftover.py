"""What the release holds and the source does not: gone from it, from elsewhere, or to be pruned."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from etl.adopt.memory import Memory
from etl.adopt.plan import SLICE, not_in_source
from etl.adopt.prepare import Prepared, Request
from etl.model.profile import Profile
from etl.model.release import is_own_mask, parse


@dataclass(frozen=True, slots=True)
class Leftover:
    """Files of the release that nothing in the source claims. Each is in one of the lists.

    `vanished` were taken from this source once; `elsewhere` are of other folders, or nobody knows.
    With --prune, `removed` go, and `kept` stay: the user's own masks and the slice of the Imaging
    Data Commons, which no download has; unless a mask set is named.
    """

    vanished: tuple[str, ...] = ()
    elsewhere: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()


def leftover(request: Request, prepared: Prepared) -> Leftover:
    """Sort what the source does not have; nothing where a part of the source is not known."""
    if not prepared.scanned.is_whole:
        return Leftover()
    scope = prepared.scope
    rest = not_in_source(prepared.present, prepared.items, prepared.undecided, scope)
    if request.is_prune:
        kept = [p for p in rest if request.mask_set is None and _stays(p, scope.profile)]
        return Leftover(removed=_without(rest, kept), kept=tuple(kept))
    there = {str(found.real) for found in prepared.scanned.files}
    gone = [p for p in rest if _is_gone(p, request.source.resolve(), there, prepared.memory)]
    return Leftover(vanished=tuple(gone), elsewhere=_without(rest, gone))


def _stays(path: str, profile: Profile) -> bool:
    return is_own_mask(path, profile) or parse(path, profile).artefact == SLICE


def _is_gone(path: str, source: Path, there: set[str], memory: Memory) -> bool:
    """Whether the file was taken from a place below the source where there is none now.

    The place is asked for, not the source that was named then: people also name a folder above
    or below it. A place that still has a file is read in another way today, and lost nothing.
    """
    seen = memory.get(path)
    origins = () if seen is None else seen.origins
    below = [origin for origin in origins if Path(origin).is_relative_to(source)]
    return bool(below) and there.isdisjoint(below)


def _without(paths: Collection[str], others: Collection[str]) -> tuple[str, ...]:
    left = set(others)
    return tuple(path for path in paths if path not in left)
