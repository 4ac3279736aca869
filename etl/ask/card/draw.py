"""Pixels to a picture: grey planes, outlined masks, legend and scale. Same input, same bytes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from etl.ask.card.planes import EDGES, View

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
DASH = 6  # pixels of one colour where outlines coincide
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
    image: Array | None
    inside: Array | None
    masks: list[Array]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        some = self.masks[0] if self.image is None else self.image
        return int(some.shape[0]), int(some.shape[1])


@dataclass(frozen=True, slots=True)
class Sheet:
    """All that the picture says."""

    title: str
    notes: list[str]
    panels: list[Panel] = field(default_factory=list)
    masks: list[Mask] = field(default_factory=list)


def draw(sheet: Sheet) -> Image.Image:
    """The picture of a sheet; text alone where it has no planes."""
    zoom = _zoom(sheet.panels)
    grey = _window(sheet.panels)
    shown = [m for m in sheet.masks if m.is_shown]
    colours = dict(zip(map(id, shown), _colours(len(shown)), strict=True))
    tiles = [_tile(panel, zoom, grey, list(colours.values())) for panel in sheet.panels]
    text_height = GAP + LINE * (1 + len(sheet.notes))
    tile_height = max((tile.height for tile in tiles), default=0)
    width = max(MIN_WIDTH, GAP + sum(tile.width + GAP for tile in tiles))
    foot = LINE + 2 * GAP if tiles else GAP
    picture = Image.new("RGB", (width, text_height + GAP + tile_height + foot), BACKGROUND)
    pen = ImageDraw.Draw(picture)
    for row, line in enumerate((sheet.title, *sheet.notes)):
        place = (GAP, GAP + LINE * row)
        pen.text(place, _fit(line), fill=FADED if row else INK, font=_font())
    left = GAP
    for tile in tiles:
        picture.paste(tile, (left, text_height + GAP))
        left += tile.width + GAP
    if tiles:
        _foot(pen, sheet, colours, text_height + tile_height + 2 * GAP, zoom)
    return picture


def _font() -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    return ImageFont.load_default(FONT_SIZE)


def _fit(line: str) -> str:
    return line if len(line) <= MAX_TEXT else f"{line[: MAX_TEXT - 3]}..."


def _colours(count: int) -> list[Colour]:
    """One colour a mask; the last, drawn on top, is yellow where there are three."""
    return [PALETTE[number % len(PALETTE)] for number in range(count)]


def _zoom(panels: list[Panel]) -> int:
    longest = max((max(panel.shape) for panel in panels), default=1)
    return max(1, round(PANEL_PIXELS / longest))


def _window(panels: list[Panel]) -> tuple[float, float]:
    """The values that are black and white: the same for all planes."""
    parts = [_finite(p.image[p.inside]) for p in panels if p.image is not None]
    values = np.concatenate([np.zeros(0), *parts])
    if not values.size:
        return 0.0, 1.0
    return float(values.min()), float(np.percentile(values, WHITE_PERCENTILE, method="nearest"))


def _finite(values: Array) -> Array:
    kept: Array = values[np.isfinite(values)]
    return kept


def _tile(
    panel: Panel, zoom: int, window: tuple[float, float], colours: list[Colour]
) -> Image.Image:
    pixels = _enlarged(_grey(panel, window), zoom)
    _paint_outlines(pixels, [_outline(_enlarged(mask, zoom)) for mask in panel.masks], colours)
    tile = Image.fromarray(pixels, "RGB") if pixels.size else Image.new("RGB", (1, 1))
    _letter(ImageDraw.Draw(tile), panel.view, tile.size)
    return tile


def _grey(panel: Panel, window: tuple[float, float]) -> Array:
    """Grey values 0..255 as RGB, shape (rows, columns, 3)."""
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


def _enlarged(pixels: Array, zoom: int) -> Array:
    return pixels.repeat(zoom, axis=0).repeat(zoom, axis=1)


def _outline(mask: Array) -> Array:
    """The pixels of a mask that are near its edge."""
    core = mask
    for _ in range(PEN):
        padded = np.pad(core, 1)
        core = core & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    edge: Array = mask & ~core
    return edge


def _paint_outlines(pixels: Array, outlines: list[Array], colours: list[Colour]) -> None:
    """Paint outlines into RGB pixels; where several coincide their colours take turns."""
    if not outlines:
        return
    stack = np.stack(outlines)
    shared = stack.sum(axis=0)
    rows, columns = np.indices(shared.shape)
    turn = ((rows + columns) // DASH) % np.maximum(shared, 1)
    position = np.cumsum(stack, axis=0) - 1  # how many earlier masks have an outline there
    for outline, place, colour in zip(stack, position, colours, strict=True):
        pixels[outline & (place == turn)] = colour


def _letter(pen: ImageDraw.ImageDraw, view: View, size: tuple[int, int]) -> None:
    """The name of the plane, and which side of the patient is where."""
    width, height = size
    left, right, top, bottom = EDGES[view]
    pen.text((5, 3), view, fill=INK, font=_font())
    for text, place, anchor in (
        (left, (5, height // 2), "lm"),
        (right, (width - 5, height // 2), "rm"),
        (top, (width // 2, 3), "ma"),
        (bottom, (width // 2, height - 3), "md"),
    ):
        pen.text(place, text, fill=INK, font=_font(), anchor=anchor)


def _foot(
    pen: ImageDraw.ImageDraw, sheet: Sheet, colours: dict[int, Colour], top: int, zoom: int
) -> None:
    """Scale bar, then the legend."""
    middle, left = top + LINE // 2, GAP
    right = left + SCALE_MM * zoom
    pen.line([(left, middle), (right, middle)], fill=INK, width=3)
    words = f"{SCALE_MM} mm"
    pen.text((right + 8, middle), words, fill=INK, font=_font(), anchor="lm")
    left = right + 8 + int(_font().getlength(words)) + 3 * GAP
    for mask in sheet.masks:
        colour = colours.get(id(mask), FADED)
        if mask.is_shown:
            pen.rectangle([(left, middle - 6), (left + 12, middle + 6)], fill=colour)
            left += 20
        pen.text((left, middle), mask.text, fill=colour, font=_font(), anchor="lm")
        left += int(_font().getlength(mask.text)) + 2 * GAP
