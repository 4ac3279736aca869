"""Plots drawn by altair: a function per plot. Colours are CSS variables, so that they turn dark."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import floor
from typing import Any

import altair as alt

from etl.site.plots import EXCELLENT, PUBLISHED, Mark, Sets

WIDTH, HEIGHT = 300, 230
INK, SOFT, LINE = "var(--ink, #16202a)", "var(--soft, #4a5763)", "var(--line, #cfd6dd)"
STATES = {
    "readable": "var(--line, #cfd6dd)",
    "not readable": "var(--warn, #8a4b00)",
    "missing": "var(--bad, #b3261e)",
}
SHAPES = ("circle", "triangle-up", "square", "cross", "diamond", "triangle-down")
FEW_CASES = 30  # whose names stand below the coverage
STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
MANY_MARKS = 200  # from here on they are smaller
_WORDS = {"labelColor": SOFT, "titleColor": SOFT, "titleFontWeight": "normal", "labelFontSize": 11}
CONFIG = {
    "background": None,
    "font": "Liberation Sans",  # in the wheel: texts are as wide on every machine
    "view": {"stroke": None},
    "axis": {
        **_WORDS, "titleFontSize": 12, "gridColor": LINE, "domainColor": SOFT, "tickColor": SOFT,
    },
    "legend": {
        **_WORDS, "labelLimit": 120, "columns": 3, "symbolFillColor": SOFT, "symbolStrokeWidth": 0,
    },
}  # fmt: skip
ABOUT = alt.Description("about:N")

Chart = Any  # that is what altair's encode() is declared to return


def _chart(marks: Sequence[Mark]) -> alt.Chart:
    return alt.Chart(alt.InlineData(list(marks))).properties(width=WIDTH, height=HEIGHT)


def _draw_points(marks: Sequence[Mark], **options: Any) -> Chart:  # noqa: ANN401  altair's
    size, opacity = (34, 0.75) if len(marks) < MANY_MARKS else (18, 0.6)
    return _chart(marks).mark_point(filled=True, size=size, opacity=opacity, **options)


def _colour(names: Mapping[str, str], marks: Sequence[Mark]) -> alt.Color:
    used = [name for name in names if any(mark["mask"] == name for mark in marks)]
    scale = alt.Scale(domain=used, range=[names[name] for name in used])
    return alt.Color("mask:N", scale=scale, legend=alt.Legend(title=None, orient="bottom"))


def _shape(field: str, marks: Sequence[Mark]) -> alt.Shape:
    names = sorted({mark[field] for mark in marks})
    scale = alt.Scale(domain=names, range=[SHAPES[n % len(SHAPES)] for n in range(len(names))])
    return alt.Shape(f"{field}:N", scale=scale, legend=alt.Legend(title=None, orient="top"))


def _log(values: Sequence[float]) -> dict[str, Any]:
    """Return a logarithmic scale around values, with round numbers on its axis."""
    low, high = min(values) / 1.25, max(values) * 1.25
    ticks = [step for step in STEPS if low <= step <= high]
    return {
        "scale": alt.Scale(type="log", domain=[low, high], nice=False),
        "axis": alt.Axis(values=ticks, format="~g"),
    }


def _share(marks: Sequence[Mark]) -> alt.Scale:
    """Return a scale up to 1, from the last tenth below the marks."""
    lowest = min(0.9, *(mark["value"] for mark in marks))
    return alt.Scale(domain=[floor(lowest * 10) / 10, 1], nice=False)


def _draw_strips(marks: Sequence[Mark], sets: Sets, y: alt.Y, shape: alt.Shape | None) -> Chart:
    """Draw a strip of marks per group and mask, and the median of each."""
    strip: dict[str, Any] = {
        "x": alt.X("group:N", title=None, axis=alt.Axis(labelAngle=0, labelLimit=74)),
        "xOffset": alt.XOffset("mask:N", sort=list(sets.colours)),
    }
    points = _draw_points(marks).encode(
        **strip, y=y, color=_colour(sets.colours, marks), shape=shape or alt.value("circle"),
        description=ABOUT,
    )  # fmt: skip
    medians = _chart(marks).mark_tick(color=INK, thickness=2, width={"band": 0.8}, aria=False)
    return points + medians.encode(**strip, y=alt.Y("median(value):Q", scale=y["scale"]))


def _draw_volumes(marks: Sequence[Mark], sets: Sets, shape: str = "") -> Chart:
    y = alt.Y("value:Q", title="volume, cm³", **_log([mark["value"] for mark in marks]))
    return _draw_strips(marks, sets, y, _shape(shape, marks) if shape else None)


def _draw_dice_by_scanner(marks: Sequence[Mark], sets: Sets) -> Chart:
    y = alt.Y("value:Q", title="Dice", scale=_share(marks))
    return _draw_strips(marks, sets, y, None)


def _draw_equality(low: float, high: float) -> Chart:
    line = [{"x": low, "y": low}, {"x": high, "y": high}]
    return _chart(line).mark_line(color=SOFT, strokeDash=[4, 3], aria=False).encode(
        x="x:Q", y="y:Q"
    )  # fmt: skip


def _draw_against_expert(marks: Sequence[Mark], sets: Sets) -> Chart:
    volumes = [mark[axis] for mark in marks for axis in "xy"]
    scale = _log(volumes)
    points = _draw_points(marks).encode(
        x=alt.X("x:Q", title=f"{sets.expert}, cm³", **scale),
        y=alt.Y("y:Q", title="other volume, cm³", **scale),
        color=_colour({**sets.colours, PUBLISHED: INK}, marks),
        shape=alt.Shape("mask:N", legend=None),
        description=ABOUT,
    )  # fmt: skip
    return _draw_equality(min(volumes), max(volumes)) + points


def _draw_diameters(marks: Sequence[Mark], sets: Sets) -> Chart:
    high = max(mark[axis] for mark in marks for axis in "xy")
    points = _draw_points(marks, color=sets.colours.get(sets.expert, INK)).encode(
        x=alt.X("x:Q", title="clinical, mm"),
        y=alt.Y("y:Q", title=f"{sets.expert}, mm"),
        description=ABOUT,
    )  # fmt: skip
    return _draw_equality(0, high) + points


def _draw_geometries(marks: Sequence[Mark], _: Sets) -> Chart:
    scale = alt.Scale(zero=False, padding=20)
    base = _chart(marks).encode(
        x=alt.X("x:Q", title="in the slice, mm", scale=scale),
        y=alt.Y("y:Q", title="between slices, mm", scale=scale),
        description=ABOUT,
    )
    size = alt.Size("n_cases:Q", scale=alt.Scale(range=[180, 900]), legend=None)
    circles = base.mark_point(filled=True, opacity=1, color=LINE).encode(size=size)
    return circles + base.mark_text(color=INK, fontSize=11).encode(text="n_cases:Q")


def _draw_dice_by_volume(marks: Sequence[Mark], sets: Sets) -> Chart:
    return _draw_points(marks).encode(
        x=alt.X("x:Q", title=f"{sets.expert}, cm³", **_log([mark["x"] for mark in marks])),
        y=alt.Y("value:Q", title="Dice", scale=_share(marks)),
        color=_colour(sets.colours, marks),
        shape=_shape("group", marks),
        description=ABOUT,
    )  # fmt: skip


def _draw_rings(marks: Sequence[Mark], sets: Sets) -> Chart:
    colour = sets.colours.get(sets.expert, INK)
    line = _chart(marks).mark_line(color=colour, aria=False).encode(x="x:Q", y="value:Q")
    points = _draw_points(marks, color=colour).encode(
        x=alt.X("x:Q", title="distance from the border, mm (negative: inside)"),
        y=alt.Y("value:Q", title="PE, %"),
        description=ABOUT,
    )  # fmt: skip
    border = _chart([{"x": 0}]).mark_rule(color=SOFT, strokeDash=[4, 3], aria=False)
    return border.encode(x="x:Q") + line + points


def _draw_coverage(marks: Sequence[Mark], _: Sets) -> Chart:
    n_cases = len({mark["case_id"] for mark in marks})
    labels = alt.Axis(labels=n_cases <= FEW_CASES, ticks=False, labelAngle=-90)
    return _chart(marks).mark_rect(stroke="var(--ground, #fff)", strokeWidth=0.4).encode(
        x=alt.X("case_id:N", title=f"{n_cases:,} cases", axis=labels),
        y=alt.Y("item:N", title=None, sort=alt.SortField("item_number"),
                axis=alt.Axis(ticks=False)),
        color=alt.Color(
            "state:N", scale=alt.Scale(domain=list(STATES), range=list(STATES.values())),
            legend=alt.Legend(title=None, orient="bottom"),
        ),
        description=ABOUT,
    )  # fmt: skip


def _draw_stability(marks: Sequence[Mark], _: Sets) -> Chart:
    points = _draw_points(marks, color="var(--link, #0b5cad)").encode(
        x=alt.X("value:Q", title="ICC(2,1)"),
        y=alt.Y("family:N", title=None, sort=None, axis=alt.Axis(labelLimit=120)),
        shape=_shape("image", marks),
        description=ABOUT,
    )  # fmt: skip
    limit = _chart([{"value": EXCELLENT}]).mark_rule(color=SOFT, strokeDash=[4, 3], aria=False)
    return limit.encode(x="value:Q") + points


CHARTS: Mapping[str, Callable[[Sequence[Mark], Sets], Chart]] = {
    "volumes_by_subtype": partial(_draw_volumes, shape="pcr"),
    "volumes_by_pcr": _draw_volumes,
    "volumes_against_expert": _draw_against_expert,
    "diameters": _draw_diameters,
    "geometries": _draw_geometries,
    "dice_by_volume": _draw_dice_by_volume,
    "dice_by_scanner": _draw_dice_by_scanner,
    "rings": _draw_rings,
    "coverage": _draw_coverage,
    "stability": _draw_stability,
}


def write_spec(name: str, marks: Sequence[Mark], sets: Sets) -> dict[str, Any]:
    """Return the Vega-Lite of the plot `name`, in the site's colours."""
    spec: dict[str, Any] = CHARTS[name](marks, sets).to_dict()
    return spec | {"config": CONFIG}
