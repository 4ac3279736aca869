"""The plots of the first page, as data: whose rows, which of them, and what they say in words.

charts.py draws what `prepare` returns: a mark per dict, with `about`, what it says when it is
pointed at. A mark that has a `case_id` leads to the page of the case.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

Row = Mapping[str, Any]
Rows = Sequence[Row]
Mark = dict[str, Any]

PUBLISHED = "published"  # the volume in the features workbook, which is no mask set
PCR = {True: "pCR", False: "no pCR", None: "pCR unknown"}
EXCELLENT = 0.9  # Koo and Li, J Chiropr Med 15(2):155-163, 2016


@dataclass(frozen=True, slots=True)
class Sets:
    """The mask sets of a release: which has which role ('' for nobody), and their colours (CSS)."""

    expert: str
    network: str
    functional: str
    colours: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Plot:
    """A plot: a report, what is drawn of its rows, and the words beside it."""

    name: str
    title: str
    report: str
    axes: str  # what is drawn how, for those who do not see it
    absent: str  # what it takes, where there is nothing to draw
    prepare: Callable[[Rows, Sets], list[Mark]]
    read: Callable[[Sequence[Mark], Sets], str]


def _make_marks(
    rows: Iterable[Row], about: str, names: Iterable[str], **columns: str
) -> list[Mark]:
    """Return a mark per row.

    Args:
        rows: what is drawn.
        about: what a mark says; its fields are columns.
        names: columns that a mark has by their name.
        columns: further ones, by the name that they have in a mark.
    """
    taken = {name: name for name in names} | columns
    return [
        {name: row[column] for name, column in taken.items()} | {"about": about.format_map(row)}
        for row in rows
    ]


# --- Volumes -----------------------------------------------------------------------------------


def _prepare_volumes(rows: Rows, sets: Sets) -> list[Mark]:
    shown = [
        {**row, "pcr": PCR[row["pcr"]]}
        for row in rows
        if row["volume_cm3"] and row["mask"] in sets.colours  # a log scale has no 0
    ]
    about = "{case_id}: {mask} {volume_cm3:.2f} cm³, {subtype}, {pcr}"
    names = ("case_id", "mask", "subtype", "pcr")
    return _make_marks(shown, about, names, value="volume_cm3")


def _prepare_subtypes(rows: Rows, sets: Sets) -> list[Mark]:
    marks = [mark | {"group": mark["subtype"]} for mark in _prepare_volumes(rows, sets)]
    return marks if any(mark["subtype"] != "unknown" for mark in marks) else []


def _prepare_responses(rows: Rows, sets: Sets) -> list[Mark]:
    marks = [mark | {"group": mark["pcr"]} for mark in _prepare_volumes(rows, sets)]
    return marks if any(mark["pcr"] != PCR[None] for mark in marks) else []


def _read_volumes(marks: Sequence[Mark], sets: Sets) -> str:
    shown = [mark for mark in marks if mark["mask"] == sets.expert] or list(marks)
    return f"Median volume of {shown[0]['mask']} in cm³: {_join_medians(shown, 'group', '.1f')}."


def _prepare_against_expert(rows: Rows, sets: Sets) -> list[Mark]:
    others = {
        "ftv_cm3": sets.functional, "stv_resunet_cm3": sets.network, "published_cm3": PUBLISHED,
    }  # fmt: skip
    shown = [
        {**row, "mask": name, "y": row[column], "ratio": row[column] / row["stv_manual_cm3"]}
        for column, name in others.items()
        for row in rows
        if row["stv_manual_cm3"] and row[column]
    ]
    about = "{case_id}: {mask} {y:.2f} cm³, " + f"{sets.expert} {{stv_manual_cm3:.2f}} cm³"
    names = ("case_id", "mask", "y", "ratio")
    return _make_marks(shown, about, names, x="stv_manual_cm3")


def _read_against_expert(marks: Sequence[Mark], sets: Sets) -> str:
    ratios = _join_medians(marks, "mask", ".2f", "ratio", sets.colours)
    return f"Median volume over that of {sets.expert}: {ratios}."


# --- Sizes -------------------------------------------------------------------------------------


def _prepare_diameters(rows: Rows, _: Sets) -> list[Mark]:
    measured, clinical = "stv_manual_largest_component_max_diameter_mm", "mri_ld_baseline_mm"
    shown = [row for row in rows if row[clinical] and row[measured]]
    about = (
        f"{{case_id}}: {{{measured}:.0f}} mm in the mask, "
        f"{{{clinical}:.0f}} mm in the clinical table"
    )
    return _make_marks(shown, about, ["case_id"], x=clinical, y=measured)


def _read_diameters(marks: Sequence[Mark], sets: Sets) -> str:
    ratio = median(mark["y"] / mark["x"] for mark in marks)
    return (
        f"The diameter in {sets.expert} is {ratio:.2f} of the clinical one "
        f"(median of {_count(marks, 'case')})."
    )


def _prepare_geometries(rows: Rows, _: Sets) -> list[Mark]:
    about = (
        "{n_cases:,} cases: {size_x} x {size_y} x {size_z} voxels of {spacing_x_mm:g} x "
        "{spacing_y_mm:g} x {spacing_z_mm:g} mm, {orientation}"
    )
    return _make_marks(rows, about, ["n_cases"], x="spacing_x_mm", y="spacing_z_mm")


def _read_geometries(marks: Sequence[Mark], _: Sets) -> str:
    slices = [mark["y"] for mark in marks]
    return (
        f"{_count(marks, 'grid')}; slices are {min(slices):g} to {max(slices):g} mm apart. "
        "Z-scored images are resampled to 1 mm."
    )


# --- Agreement ---------------------------------------------------------------------------------


def _prepare_dice(rows: Rows, sets: Sets) -> list[Mark]:
    shown = [
        row
        for row in rows
        if row["dice"] is not None and row["stv_manual_cm3"] and row["mask"] in sets.colours
    ]
    about = "{case_id}: {mask} Dice {dice:.2f}, {stv_manual_cm3:.2f} cm³, {manufacturer}"
    columns = {"group": "manufacturer", "x": "stv_manual_cm3", "value": "dice"}
    return _make_marks(shown, about, ("case_id", "mask"), **columns)


def _read_dice_by_mask(marks: Sequence[Mark], sets: Sets) -> str:
    medians = _join_medians(marks, "mask", ".2f", order=sets.colours)
    return f"Median Dice with {sets.expert}: {medians}."


def _read_dice_by_scanner(marks: Sequence[Mark], sets: Sets) -> str:
    medians = _join_medians(marks, "group", ".2f")
    return f"Median Dice with {sets.expert}, all masks together: {medians}."


# --- Enhancement, coverage, stability ----------------------------------------------------------


def _prepare_rings(rows: Rows, _: Sets) -> list[Mark]:
    shown = [
        {**row, "end_mm": row["ring_mm"] + 1, "middle_mm": row["ring_mm"] + 0.5}
        for row in rows
        if row["pe_mean_percent"] is not None
    ]
    about = "{ring_mm} to {end_mm} mm: PE {pe_mean_percent:.0f} %, {n_cases} cases"
    return _make_marks(shown, about, ["ring_mm"], x="middle_mm", value="pe_mean_percent")


def _read_rings(marks: Sequence[Mark], _: Sets) -> str:
    inside = max((m for m in marks if m["x"] < 0), key=lambda m: m["x"], default=None)
    outside = [mark for mark in marks if mark["x"] > 0]
    if inside is None or not outside:
        return "Only one side of the border has voxels."
    return (
        f"In z-scored images PE is {inside['value']:.0f} % just inside the border, just outside "
        f"{outside[0]['value']:.0f} %, and {outside[-1]['value']:.0f} % at the end."
    )


def _prepare_coverage(rows: Rows, _: Sets) -> list[Mark]:
    names = ("case_id", "item", "item_number", "state")
    return _make_marks(rows, "{case_id}: {item} {state}", names)


def _read_coverage(marks: Sequence[Mark], _: Sets) -> str:
    incomplete = {mark["case_id"] for mark in marks if mark["state"] != "readable"}
    n_cases = len({mark["case_id"] for mark in marks})
    return f"{n_cases - len(incomplete):,} of {n_cases:,} cases have every file, readable."


def _prepare_stability(rows: Rows, _: Sets) -> list[Mark]:
    shown = [
        {
            **row,
            "image": f"{row['image_set']}, phase {row['phase']}",
            "family": row["family"].replace("_", " "),
        }
        for row in rows
        if row["icc"] is not None
    ]
    about = (
        "{title} ({feature}): ICC {icc:.2f}, 95 % interval {icc_low:.2f} to {icc_high:.2f}, "
        "{n_cases} cases"
    )
    return _make_marks(shown, about, ("image", "family"), value="icc")


def _read_stability(marks: Sequence[Mark], _: Sets) -> str:
    n_excellent = sum(mark["value"] >= EXCELLENT for mark in marks)
    return (
        f"{n_excellent:,} of {_count(marks, 'feature')} have an ICC of {EXCELLENT} or more: they "
        "hardly depend on who outlined the tumour."
    )


# --- Words -------------------------------------------------------------------------------------


def _join_medians(
    marks: Iterable[Mark], by: str, form: str, value: str = "value", order: Iterable[str] = ()
) -> str:
    """Return `stv_resunet 1.05, ftv 0.81`: the median of each group, in an order, then by name."""
    groups: dict[str, list[float]] = {}
    for mark in marks:
        groups.setdefault(mark[by], []).append(mark[value])
    names = [*(name for name in order if name in groups), *sorted({*groups} - {*order})]
    return ", ".join(f"{name} {median(groups[name]):{form}}" for name in names)


def _count(marks: Sequence[Mark], noun: str) -> str:
    return f"{len(marks):,} {noun}{'' if len(marks) == 1 else 's'}"


PLOTS = (
    Plot(
        "volumes_by_subtype", "Volume by mask and subtype", "mask_volumes",
        "A mark per case and mask, its shape the response; across: subtype; up: volume in cm³, "
        "logarithmic; a line is a median",
        "it takes masks with foreground and cases of known subtype",
        _prepare_subtypes, _read_volumes,
    ),
    Plot(
        "volumes_by_pcr", "Volume by mask and pCR", "mask_volumes",
        "A mark per case and mask; across: pathologic complete response; up: volume in cm³, "
        "logarithmic; a line is a median",
        "it takes masks with foreground and cases of known response",
        _prepare_responses, _read_volumes,
    ),
    Plot(
        "volumes_against_expert", "Volumes against the expert's", "volumes",
        "A mark per case and volume; across: volume of the expert's mask; up: functional tumour "
        "volume, ResUNet's and published volume, both in cm³ and logarithmic; on the line both "
        "are equal",
        "it takes cases with the expert's mask and another volume",
        _prepare_against_expert, _read_against_expert,
    ),
    Plot(
        "diameters", "Diameter in the mask against the clinical one", "volumes",
        "A mark per case; across: longest diameter on MRI in the clinical table; up: that of the "
        "largest component of the expert's mask, both in mm; on the line both are equal",
        "it takes cases with the expert's mask and a clinical diameter",
        _prepare_diameters, _read_diameters,
    ),
    Plot(
        "geometries", "Voxel sizes of the scanners", "geometries",
        "A mark per grid of the bias-corrected images, larger with more cases; across: spacing in "
        "the slice; up: spacing of the slices, both in mm",
        "it takes bias-corrected images",
        _prepare_geometries, _read_geometries,
    ),
    Plot(
        "dice_by_volume", "Dice against volume", "agreement_by_case",
        "A mark per case and mask, its shape the scanner's manufacturer; across: volume of the "
        "expert's mask in cm³, logarithmic; up: Dice of another mask with it",
        "it takes cases with the expert's mask and another one",
        _prepare_dice, _read_dice_by_mask,
    ),
    Plot(
        "dice_by_scanner", "Dice by scanner", "agreement_by_case",
        "A mark per case and mask; across: manufacturer of the scanner; up: Dice of a mask with "
        "the expert's; a line is a median",
        "it takes cases with the expert's mask and another one",
        _prepare_dice, _read_dice_by_scanner,
    ),
    Plot(
        "rings", "Enhancement by distance from the border", "rings",
        "A line through a mark per ring of 1 mm; across: distance from the border of the expert's "
        "mask in mm, negative inside; up: mean PE of z-scored images in percent, median over cases",
        "it takes the table voxels, around the expert's mask",
        _prepare_rings, _read_rings,
    ),
    Plot(
        "coverage", "Coverage of case and file", "coverage_by_case",
        "A cell per case and file, strong where it is missing or not readable; across: cases; "
        "down: what a complete case has",
        "it takes a case",
        _prepare_coverage, _read_coverage,
    ),
    Plot(
        "stability", "Stability of features between expert and ResUNet", "stable_features",
        "A mark per recomputed feature; across: ICC(2,1) between the expert's and the ResUNet's "
        "mask; down: family of the feature",
        "it takes ten cases with features recomputed inside both masks",
        _prepare_stability, _read_stability,
    ),
)  # fmt: skip
