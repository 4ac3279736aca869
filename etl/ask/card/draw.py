"""Pixels to a picture: grey planes, outlined masks, legend and scale. Same input, same bytes."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from etl.ask.card.planes import EDGES, View
from etl.text.values import shorten

Array = npt.NDArray[Any]
Colour = tuple[int, int, int]

# Okabe and Ito (2008), told apart with every kind of colour blindness; the brightest ones.
PALETTE: tuple[Colour, ...] = (
    (86, 180, 233),  # sky blue
    (240, 110, 60),  # vermilion, lightened for a dark ground
    (240, 228, 66),  # yellow
    (0, 158, 115),  # bluish green
    (204, 121, 167),  # reddish purple
)
BACKGROUND: Colour = (0, 0, 0)
OUTSIDE: Colour = (28, 28, 34)  # beyond the volume
INK: Colour = (235, 235, 235)
FADED: Colour = (150, 150, 150)
GAP = 16
LINE = 22
FONT_SIZE = 15
PEN = 2  # pixels that an outline is wide
SCALE_MM = 50
WHITE_PERCENTILE = 99.7
PANEL_PIXELS = 600  # planes are enlarged by a whole factor up to about this
MIN_WIDTH = 760
MAX_TEXT = 150


@dataclass(frozen=True, slots=True)
class Mask:
    """An entry of the legend."""

    text: str
    is_shown: bool


@dataclass(frozen=True, slots=True)
class Panel:
    """One plane, pixels of 1 mm, shape (rows, columns): image, where it is, the masks (bool)."""

    view: View
    image: Array | None = None
    inside: Array | None = None
    masks: dict[str, Array] = field(default_factory=dict)  # by name, the last on top

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        plane = next(iter(self.masks.values())) if self.image is None else self.image
        return int(plane.shape[0]), int(plane.shape[1])


@dataclass(frozen=True, slots=True)
class Sheet:
    """All that the picture says."""

    title: str
    notes: list[str]
    panels: list[Panel] = field(default_factory=list)
    masks: list[Mask] = field(default_factory=list)


def draw(sheet: Sheet) -> Image.Image:
    """Draw a sheet; text alone where it has no planes."""
    zoom = _choose_zoom(sheet.panels)
    grey = _choose_window(sheet.panels)
    tiles = [_draw_panel(panel, zoom, grey) for panel in sheet.panels]
    text_height = GAP + LINE * (1 + len(sheet.notes))
    tile_height = max((tile.height for tile in tiles), default=0)
    width = max(MIN_WIDTH, GAP + sum(tile.width + GAP for tile in tiles))
    foot = LINE + 2 * GAP if tiles else GAP
    picture = Image.new("RGB", (width, text_height + GAP + tile_height + foot), BACKGROUND)
    pen = ImageDraw.Draw(picture)
    for row, line in enumerate((sheet.title, *sheet.notes)):
        pen.text(
            (GAP, GAP + LINE * row),
            shorten(line, MAX_TEXT),
            fill=FADED if row else INK,
            font=_load_font(),
        )
    left = GAP
    for tile in tiles:
        picture.paste(tile, (left, text_height + GAP))
        left += tile.width + GAP
    if tiles:
        _draw_foot(pen, sheet, text_height + tile_height + 2 * GAP, zoom)
    return picture


def _load_font() -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    return ImageFont.load_default(FONT_SIZE)


def _choose_zoom(panels: list[Panel]) -> int:
    longest = max((max(panel.shape) for panel in panels), default=1)
    return max(1, round(PANEL_PIXELS / longest))


def _choose_window(panels: list[Panel]) -> tuple[float, float]:
    """Return the values that are black and white: the same for all planes."""
    parts = [p.image[p.inside] for p in panels if p.image is not None]
    values = np.concatenate([np.zeros(0), *parts])
    values = values[np.isfinite(values)]
    if not values.size:
        return 0.0, 1.0
    return float(values.min()), float(np.percentile(values, WHITE_PERCENTILE, method="nearest"))


def _draw_panel(panel: Panel, zoom: int, window: tuple[float, float]) -> Image.Image:
    pixels = _scale_up(_make_grey(panel, window), zoom)
    for mask, colour in zip(panel.masks.values(), cycle(PALETTE), strict=False):
        pixels[_find_edge(_scale_up(mask, zoom))] = colour
    tile = Image.fromarray(pixels, "RGB") if pixels.size else Image.new("RGB", (1, 1))
    _write_sides(ImageDraw.Draw(tile), panel.view, tile.size)
    return tile


def _make_grey(panel: Panel, window: tuple[float, float]) -> Array:
    """Return grey values 0..255 as RGB, shape (rows, columns, 3)."""
    pixels = np.empty((*panel.shape, 3), np.uint8)
    pixels[:] = OUTSIDE
    if panel.image is None or panel.inside is None:
        return pixels
    low, high = window
    values = np.nan_to_num(panel.image.astype(np.float64), nan=low, posinf=high, neginf=low)
    scaled = np.clip((values - low) / ((high - low) or 1.0), 0.0, 1.0)
    grey = np.floor(scaled * 255 + 0.5).astype(np.uint8)
    pixels[panel.inside] = grey[panel.inside][:, None]
    return pixels


def _scale_up(pixels: Array, zoom: int) -> Array:
    return pixels.repeat(zoom, axis=0).repeat(zoom, axis=1)


def _find_edge(mask: Array) -> Array:
    """Return the pixels of a mask that are near its edge."""
    core = mask
    for _ in range(PEN):
        padded = np.pad(core, 1)
        core = core & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    edge: Array = mask & ~core
    return edge


def _write_sides(pen: ImageDraw.ImageDraw, view: View, size: tuple[int, int]) -> None:
    """Write the name of the plane, and which side of the patient is where."""
    width, height = size
    left, right, top, bottom = EDGES[view]
    pen.text((5, 3), view, fill=INK, font=_load_font())
    for text, position, anchor in (
        (left, (5, height // 2), "lm"),
        (right, (width - 5, height // 2), "rm"),
        (top, (width // 2, 3), "ma"),
        (bottom, (width // 2, height - 3), "md"),
    ):
        pen.text(position, text, fill=INK, font=_load_font(), anchor=anchor)


def _draw_foot(pen: ImageDraw.ImageDraw, sheet: Sheet, top: int, zoom: int) -> None:
    """Draw the scale bar, then the legend."""
    colours = cycle(PALETTE)
    middle, left = top + LINE // 2, GAP
    right = left + SCALE_MM * zoom
    pen.line([(left, middle), (right, middle)], fill=INK, width=3)
    words = f"{SCALE_MM} mm"
    pen.text((right + 8, middle), words, fill=INK, font=_load_font(), anchor="lm")
    left = right + 8 + int(_load_font().getlength(words)) + 3 * GAP
    for mask in sheet.masks:
        colour = next(colours) if mask.is_shown else FADED
        if mask.is_shown:
            pen.rectangle([(left, middle - 6), (left + 12, middle + 6)], fill=colour)
            left += 20
        pen.text((left, middle), mask.text, fill=colour, font=_load_font(), anchor="lm")
        left += int(_load_font().getlength(mask.text)) + 2 * GAP
