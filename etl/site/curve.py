"""The curve of enhancement as points of an SVG: a line per mask over the phases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from etl.ask.card.template import Row

WIDTH, HEIGHT = 480, 240
LEFT, RIGHT, TOP, BOTTOM = 56, 16, 16, 36
N_TICKS = 4
_STEPS = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True, slots=True)
class Line:
    """One mask: its gains in percent by phase, and where these lie in the picture."""

    mask: str
    colour: int | None
    gains: Mapping[int, float]
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Curve:
    """All lines, the phases with their places, and the ticks of the axis with theirs."""

    lines: Sequence[Line]
    phases: Sequence[tuple[int, float]]
    ticks: Sequence[tuple[float, float]]
    width: int = WIDTH
    height: int = HEIGHT


def make_curve(rows: Sequence[Row], colours: Mapping[str, int]) -> Curve | None:
    """Return the curve of a case; None without a value.

    Args:
        rows: mask, phase and gain_percent.
        colours: mask set -> number in the palette.
    """
    gains: dict[str, dict[int, float]] = {}
    for row in rows:
        gains.setdefault(row["mask"], {})[row["phase"]] = row["gain_percent"]
    if not gains:
        return None
    phases = sorted({phase for of_mask in gains.values() for phase in of_mask})
    values = [value for of_mask in gains.values() for value in of_mask.values()]
    ticks = _choose_ticks(min(0.0, *values), max(1.0, *values))

    def find_x(phase: int) -> float:
        share = phases.index(phase) / max(len(phases) - 1, 1)
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)

    def find_y(value: float) -> float:
        share = (value - ticks[0]) / (ticks[-1] - ticks[0])
        return round(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM), 1)

    lines = [
        Line(mask, colours.get(mask), g, [(find_x(p), find_y(v)) for p, v in g.items()])
        for mask, g in gains.items()
    ]
    return Curve(lines, [(p, find_x(p)) for p in phases], [(tick, find_y(tick)) for tick in ticks])


def _choose_ticks(low: float, high: float) -> list[float]:
    """Return round values, at even steps, that hold all others between them."""
    rough = (high - low) / N_TICKS
    power = 10.0 ** (len(f"{rough:.0f}") - 1)
    step = next(s * power for s in _STEPS if s * power >= rough)
    first = int(low // step)
    last = int(-(-high // step))
    return [step * n for n in range(first, last + 1)]
