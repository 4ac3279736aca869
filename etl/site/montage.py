"""Pictures of all cases, drawn by worker processes; one of the same inputs is not drawn again.

A clone that holds tables and no blobs keeps the pictures that it pulled.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import compress
from pathlib import Path

from etl.ask.card.choose import Case
from etl.ask.card.draw import Sheet, draw_png
from etl.ask.card.montage import make_sheet
from etl.ask.card.palette import number_masks
from etl.ask.card.picture import (
    Facts,
    hash_inputs,
    list_shown,
    make_texts,
    read_facts,
    take_case,
)
from etl.build.recipe import make_module_recipe
from etl.model.pool import count_workers, spread
from etl.tables.unit import Context

PANEL_PIXELS = 400
FEW = 24  # pictures that are drawn before a second process has started
# Of a mask's row: all that the picture says.
_SAID = ("path", "volume_cm3", "voxel_count", "centroid_r_mm", "centroid_a_mm", "centroid_s_mm")


@dataclass(frozen=True, slots=True)
class Montage:
    """The picture of a case; `content` is None where there is none.

    `is_current`: it is of the blobs that the tables are made of.
    """

    case_id: str
    content: bytes | None = field(default=None, repr=False)  # told by `facts`
    facts: Facts | None = None
    is_current: bool = False


@dataclass(frozen=True, slots=True)
class _Job:
    """A picture to draw: the context is that of the case."""

    context: Context
    case: Case
    colours: Mapping[str, int]
    made_of: str


def make_montages(context: Context, folder: Path, case_ids: Iterable[str]) -> Iterator[Montage]:
    """Yield the picture of each case.

    Args:
        context: the release.
        folder: what earlier builds drew, as `CASE.png`.
        case_ids: of which cases.
    """
    jobs = list(_list_jobs(context, case_ids))
    montages = [_read_kept(folder, job) for job in jobs]
    needed = [_is_needed(job, kept) for job, kept in zip(jobs, montages, strict=True)]
    pending = [*compress(jobs, needed)]
    workers = count_workers() if len(pending) > FEW else 1
    drawn = spread(_draw, pending, workers, _report_death, [__name__, "nibabel"])
    for kept, is_needed in zip(montages, needed, strict=True):
        yield _choose(kept, next(drawn)) if is_needed else kept


def _list_jobs(context: Context, case_ids: Iterable[str]) -> Iterator[_Job]:
    shown = list_shown(context)
    colours = number_masks(context.profile, context.mask_sets)
    recipe = make_module_recipe(context.root, __name__, context.profile)
    for case_id in case_ids:
        case = shown.get(case_id) or Case(case_id, context.profile.sets)
        of_case = take_case(context, case_id)
        blobs = [(blob.path, blob.md5, blob.rule) for blob in of_case.blobs]
        masks = [[name, colours[name], *map(row.get, _SAID)] for name, row in case.masks.items()]
        made_of = hash_inputs(recipe, blobs, masks)
        yield _Job(of_case, case, colours, made_of)


def _read_kept(folder: Path, job: _Job) -> Montage:
    """Return the picture that there is, also of earlier blobs; of no blobs there is none."""
    case_id = job.case.case_id
    path = folder / f"{case_id}.png"
    facts = read_facts(path) if job.context.blobs else None
    if facts is None:
        return Montage(case_id)
    return Montage(case_id, path.read_bytes(), facts, facts.made_of == job.made_of)


def _is_needed(job: _Job, kept: Montage) -> bool:
    """Return whether a picture is to be drawn: it is another one now, and blobs are here."""
    release = job.context.release
    if kept.is_current:
        return False
    if not isinstance(release, Path):
        return bool(job.context.blobs)
    return any((release / blob.path).exists() for blob in job.context.blobs)


def _choose(kept: Montage, drawn: Montage) -> Montage:
    """Return what was drawn, unless no blob could be had and an earlier picture can."""
    return drawn if drawn.is_current or kept.content is None else kept


def _draw(job: _Job) -> Montage:
    """Draw one picture, in a worker."""
    try:
        sheet = make_sheet(job.context, job.case, job.colours, has_subtraction=True)
    except MemoryError:
        return _report_death(job)
    return _finish(job, replace(sheet, panel_pixels=PANEL_PIXELS))


def _report_death(job: _Job) -> Montage:
    note = "The drawing was ended: not enough memory. Run `ispy1 site` with ISPY1_WORKERS=1."
    return _finish(job, Sheet(f"{job.case.case_id}: no picture", [note], is_lasting=False))


def _finish(job: _Job, sheet: Sheet) -> Montage:
    content = draw_png(sheet, make_texts(sheet, job.made_of))
    has_planes = bool(sheet.strips) or sheet.is_lasting
    return Montage(job.case.case_id, content, read_facts(io.BytesIO(content)), has_planes)
