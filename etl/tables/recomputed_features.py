"""The table `recomputed_features`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

import polars as pl

from etl.measure.grids import is_same_grid
from etl.measure.ibsi_names import list_names, needs_image
from etl.measure.mask import Foreground, crop
from etl.model.findings import Finding
from etl.model.profile import Profile
from etl.model.release import Name, name_role
from etl.model.schema import CASE_ID, INPUTS_MD5, Table, parse_columns
from etl.read.nifti import Volume
from etl.tables.assembly import add_blob_md5
from etl.tables.case_masks import Mask, list_masks, read_masks
from etl.tables.limits import REGION, SURFACE, count_surface, read_limit, report_above_limit
from etl.tables.recompute_inputs import (
    BINS,
    INPUTS,
    Input,
    check_bins,
    check_inputs,
    list_roles_of,
    parse_inputs,
)
from etl.tables.unit import Assembled, Context, Measured, Row, Unit
from etl.tables.volumes import open_volumes

if TYPE_CHECKING:
    from etl.measure.ibsi import Region

TABLE = Table(
    name="recomputed_features",
    grain="One row per case, image, mask and feature that is recomputed from them",
    key=("case_id", "image_set", "phase", "mask", "feature"),
    columns=(
        CASE_ID,
        *parse_columns("""
        image_set string n3 or zscored: where the intensities are from
        phase int64 DCE phase of the image: 0, 1 or 2
        mask string The mask: ftv, stv_manual, stv_resunet, or a user's own
        feature string IBSI name; recomputed_catalog says what it is
        value double? The value; null where it cannot be computed: see findings
        mask_blob_md5 string MD5 of the mask's blob
        image_blob_md5 string? MD5 of the image's blob; null for shape, and where there is none
        """),
        INPUTS_MD5,
    ),
    per="case",
    reads=("image_", "mask"),
    references={"case_id": "cases", "feature": "recomputed_catalog"},
    params=(BINS, INPUTS, SURFACE, REGION),
    adds=("case_id", "mask_blob_md5", "image_blob_md5", "inputs_md5"),
)


def wants(name: Name, params: Mapping[str, Any], profile: Profile) -> bool:
    """Return whether params.yaml names this blob as one that features are recomputed from."""
    del profile
    return name_role(name) in list_roles_of(params)


def _read_inputs(context: Context) -> tuple[Input, ...]:
    inputs = parse_inputs(context.param(INPUTS))
    check_inputs(inputs, context.profile)
    return inputs


def measure(unit: Unit, context: Context) -> Measured:
    """Return the features of one case: mask by mask, family by family."""
    inputs, bins = _read_inputs(context), check_bins(context.param(BINS))
    masks, too_large, findings = _read_masks(unit, context, inputs)
    inputs = tuple(entry for entry in inputs if entry.mask in masks)
    rows: list[Row] = []
    problems: dict[str, list[str]] = {}
    for image_role in sorted({entry.image_role for entry in inputs}):
        own_inputs = [entry for entry in inputs if entry.image_role == image_role]
        image, image_findings = _read_image(unit, context, image_role, own_inputs)
        findings += image_findings
        regions = [
            _cut_region(entry, masks[entry.mask], image, bins)
            if entry.mask not in too_large
            else (None, [])
            for entry in own_inputs
        ]
        del image  # before anything is computed: it may be large
        for entry in own_inputs:
            values, wrong = _compute_features(entry, *regions.pop(0))
            key = {"image_set": entry.image_set, "phase": entry.phase, "mask": entry.mask}
            rows += [{**key, "feature": name, "value": value} for name, value in values.items()]
            problems.setdefault(entry.mask_role, []).extend(wrong)
    findings += [
        _report_undefined(observed="; ".join(wrong), path=role)
        for role, wrong in problems.items()
        if wrong
    ]
    return Measured(rows, findings)


def _read_masks(
    unit: Unit, context: Context, inputs: Iterable[Input]
) -> tuple[dict[str, Mask], list[str], list[Finding]]:
    """Return mask -> foreground, and the masks that are too large to be measured."""
    by_mask = {entry.mask: entry for entry in inputs}
    present = [name for name in by_mask if name in list_masks(unit)]
    masks, findings = read_masks(TABLE.name, present, unit, context)
    findings += [
        _report_missing(entry.mask_role, [entry])
        for name, entry in by_mask.items()
        if name not in present and name in context.profile.masks
    ]
    noise = {name: _check_noise(f"mask_{name}", crop(m.bits), context) for name, m in masks.items()}
    findings += chain(*noise.values())
    return masks, [name for name, about in noise.items() if about], findings


def _check_noise(name: str, foreground: Foreground | None, context: Context) -> list[Finding]:
    """Return a finding where a mask is too large for its features, or its surface is."""
    if foreground is None:
        return []
    counts = {REGION: foreground.voxel_count, SURFACE: count_surface(foreground)}
    return [
        report_above_limit(TABLE.name, name, limit, count, "its features are")
        for limit, count in counts.items()
        if count > read_limit(context, limit)
    ]


def _read_image(
    unit: Unit, context: Context, image_role: str, inputs: list[Input]
) -> tuple[Volume | None, list[Finding]]:
    volumes, findings = open_volumes(TABLE.name, unit, context, (image_role,))
    if not volumes and not findings:
        findings = [_report_missing(image_role, inputs)]
    return volumes.get(image_role), findings


def _cut_region(
    entry: Input, mask: Mask, image: Volume | None, bins: int
) -> tuple[Region | None, list[str]]:
    """Return what is measured of an input, and in words what is wrong with it."""
    from etl.measure.ibsi import make_region

    wrong: list[str] = []
    where = f"{entry.image_set} {entry.phase}"
    if image is not None and not is_same_grid(mask.header.grid, image.header.grid):
        wrong, image = [f"{where}: the mask lies on another grid than the image"], None
    scaled = (image.voxels, *image.header.scaling) if image else None
    cut = make_region(mask.bits, mask.header.spacing, bins, scaled)
    if cut is None:
        return None, [f"{where}: the mask is empty"]
    if image is not None and cut.problem:
        wrong = [f"{where}: {cut.problem}"]
    return cut, wrong


def _compute_features(
    entry: Input, cut: Region | None, wrong: list[str]
) -> tuple[dict[str, float | None], list[str]]:
    """Return feature -> value, and in words what has none although its blobs are there."""
    from etl.measure.ibsi import UndefinedError, measure_family

    values: dict[str, float | None] = {n: None for f in entry.families for n in list_names(f)}
    where = f"{entry.image_set} {entry.phase}"
    for family in entry.families:
        if cut is None or (cut.problem and family != "morphology"):
            continue
        try:
            values |= measure_family(cut, family)
        except UndefinedError as error:
            wrong.append(f"{where}: {family} ({error})")
        else:
            lost = [n for n in list_names(family) if values[n] is None]
            lost = [n for n in lost if not (cut.problem and needs_image(n))]
            wrong += [f"{where}: {', '.join(lost)} (no finite number)"] if lost else []
    return values, wrong


def _report_missing(named: str, inputs: list[Input]) -> Finding:
    kind = named.partition("_")[0]
    rows = ", ".join(i.mask for i in inputs)
    lost = f"no row of {rows}" if kind == "mask" else f"only the shape of {rows}"
    return Finding(
        table=TABLE.name,
        severity="warning",
        check=f"{kind}_missing",
        observed=f"no {named}; {lost} is recomputed",
        expected=f"the {kind} that {INPUTS} names",
        likely_cause="an incomplete download",
        fix=f"Adopt the missing file, or take the {kind} out of {INPUTS} in params.yaml.",
        path=named,
    )


_report_undefined = partial(
    Finding, TABLE.name, "warning", "features_undefined",
    expected="a region that all its features are defined for",
    likely_cause="a mask that is tiny, flat or empty, or an image of another mask",
    fix="Look at the mask over the image; leave these features of the case out.",
)  # fmt: skip


def assemble(values: pl.DataFrame, context: Context) -> Assembled:
    """Return the features with the MD5s of what they are made from."""
    rows = add_blob_md5(values, context, "mask_blob_md5", pl.format("mask_{}", "mask"))
    of_image = [name for name in rows["feature"].unique() if needs_image(name)]
    image = pl.when(pl.col("feature").is_in(of_image)).then(
        pl.format("image_{}_{}", "image_set", "phase")
    )
    rows = add_blob_md5(rows, context, "image_blob_md5", image)
    present = {name_role(blob.name) for blob in context.blobs}
    own_sets = {i.mask for i in _read_inputs(context) if i.mask not in context.profile.masks}
    return Assembled(
        rows, [_report_unknown(m) for m in sorted(own_sets) if f"mask_{m}" not in present]
    )


def _report_unknown(mask: str) -> Finding:
    return Finding(
        table=TABLE.name,
        severity="critical",  # what somebody asked for is not there: the build must not end green
        check="mask_set_unknown",
        observed=f"no case has a mask of the set {mask}",
        expected=f"a mask set of the release, since {INPUTS} names it",
        likely_cause="another spelling, or masks that were not adopted",
        fix=f"Run `ispy1 adopt --mask-set {mask} PATH`, or correct {INPUTS} in params.yaml.",
        path=f"masks_{mask}",
    )
