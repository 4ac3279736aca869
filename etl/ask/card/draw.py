"""Pixels to a picture: grey planes, outlined masks, legend and scale. Same input, same bytes."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from etl.ask.card.palette import COLOURS, Colour
from etl.ask.card.planes import EDGES, View
from etl.text.values import shorten, strip_controls

Array = npt.NDArray[Any]

BACKGROUND: Colour = (0, 0, 0)
OUTSIDE: Colour = (28, 28, 34)  # beyond the volume
INK: Colour = (235, 235, 235)
FADED: Colour = (150, 150, 150)
GREYS = 64  # of a picture that is kept: more of them are noise, and the file grows by a fifth
GAP = 16
LINE = 22
FONT_SIZE = 15
PEN = 2  # pixels that an outline is wide
SCALE_MM = 50
WHITE_PERCENTILE = 99.7
MIN_WIDTH = 760
MAX_TEXT = 300


@dataclass(frozen=True, slots=True)
class Mask:
    """An entry of the legend. `colour`: its number in the palette; None: it is not outlined."""

    text: str
    colour: int | None


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
class Strip:
    """Planes of one image beside each other. `window`: what is black and white; None: chosen."""

    heading: str
    panels: Sequence[Panel]
    window: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Sheet:
    """All that the picture says.

    `masks`: the legend, by name. `panel_pixels`: planes are enlarged by a whole factor up to about
    this. `is_lasting`: whether it would be the same tomorrow, with the same blobs.
    """

    title: str
    notes: Sequence[str] = ()
    strips: Sequence[Strip] = ()
    masks: Mapping[str, Mask] = field(default_factory=dict)
    panel_pixels: int = 600
    is_lasting: bool = True

    @property
    def panels(self) -> list[Panel]:
        """The panels of all strips."""
        return [panel for strip in self.strips for panel in strip.panels]


def draw_png(sheet: Sheet, texts: Mapping[str, str]) -> bytes:
    """Return a sheet as a PNG of few colours that holds `texts`."""
    about, target = PngInfo(), io.BytesIO()
    for name, text in texts.items():
        about.add_text(name, text)
    _reduce_colours(draw(sheet)).save(target, format="PNG", pnginfo=about)
    return target.getvalue()


def draw(sheet: Sheet) -> Image.Image:
    """Draw a sheet; text alone where it has no planes."""
    zoom = _choose_zoom(sheet)
    rows = [_draw_strip(strip, zoom, sheet.masks) for strip in sheet.strips]
    width = max([MIN_WIDTH, *(row.width for row in rows)])
    legend = list(_lay_out_legend(sheet, width, zoom)) if rows else []
    tops = [GAP + LINE * (1 + len(sheet.notes)) + GAP]
    for row in rows:
        tops.append(tops[-1] + row.height + GAP)
    height = tops[-1] + (legend[-1][1] + LINE + GAP if legend else 0)
    picture = Image.new("RGB", (width, height), BACKGROUND)
    pen = ImageDraw.Draw(picture)
    for number, line in enumerate((sheet.title, *sheet.notes)):
        _write(pen, (GAP, GAP + LINE * number), _fit(line, width), FADED if number else INK)
    for row, top in zip(rows, tops, strict=False):
        picture.paste(row, (0, top))
    if rows:
        _draw_scale(pen, tops[-1] + LINE // 2, zoom)
    for left, top, mask in legend:
        _draw_entry(pen, left, tops[-1] + top + LINE // 2, mask)
    return picture


def _reduce_colours(picture: Image.Image) -> Image.Image:
    """Return a picture by index: greys, then the colours that are used as they are."""
    pixels = np.asarray(picture)
    exact = (*COLOURS, OUTSIDE, INK, BACKGROUND)
    index = pixels[..., 0] // (256 // GREYS)  # also of smoothed text, which is all but grey
    packed = _pack(pixels)
    for number, colour in enumerate(exact):
        index[packed == _pack(np.array(colour, np.uint8))] = GREYS + number
    reduced = Image.fromarray(index, "P")
    greys = [[round(level * 255 / (GREYS - 1))] * 3 for level in range(GREYS)]
    reduced.putpalette(bytes(value for entry in (*greys, *exact) for value in entry))
    return reduced


def _pack(pixels: Array) -> Array:
    """Return colours as one number each: a third of the comparisons."""
    red, green, blue = np.moveaxis(pixels.astype(np.uint32), -1, 0)
    packed: Array = red << 16 | green << 8 | blue
    return packed


def _load_font() -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    return ImageFont.load_default(FONT_SIZE)


def _measure_text(text: str) -> int:
    return int(_load_font().getlength(text))


def _fit(text: str, width: int) -> str:
    """Return a text on one line that is as wide as the picture at most."""
    text = strip_controls(shorten(text, MAX_TEXT))
    while _measure_text(text) > width - 2 * GAP:
        text = shorten(text, len(text) - 5)
    return text


def _write(
    pen: ImageDraw.ImageDraw,
    position: tuple[int, int],
    text: str,
    fill: Colour = INK,
    anchor: str = "la",
) -> None:
    """Write a text with a dark edge, so that it can be read on any grey."""
    font = _load_font()
    pen.text(
        position, text, fill=fill, font=font, anchor=anchor, stroke_width=1, stroke_fill=BACKGROUND
    )


def _choose_zoom(sheet: Sheet) -> int:
    longest = max((max(panel.shape) for panel in sheet.panels), default=1)
    return max(1, round(sheet.panel_pixels / longest))


def _draw_strip(strip: Strip, zoom: int, masks: Mapping[str, Mask]) -> Image.Image:
    """Draw the planes of an image beside each other, below a heading where there is one."""
    window = strip.window or _choose_window(strip.panels)
    tiles = [_draw_panel(panel, zoom, window, masks) for panel in strip.panels]
    top = LINE if strip.heading else 0
    width = GAP + sum(tile.width + GAP for tile in tiles)
    row = Image.new("RGB", (width, top + max(tile.height for tile in tiles)), BACKGROUND)
    _write(ImageDraw.Draw(row), (GAP, 0), _fit(strip.heading, width))
    left = GAP
    for tile in tiles:
        row.paste(tile, (left, top))
        left += tile.width + GAP
    return row


def _choose_window(panels: Sequence[Panel]) -> tuple[float, float]:
    """Return the values that are black and white: the same for all planes."""
    values = collect_finite(p.image[p.inside] for p in panels if p.image is not None)
    return (float(values.min()), find_white(values)) if values.size else (0.0, 1.0)


def collect_finite(parts: Iterable[Array]) -> Array:
    """Return the finite values of arrays as one."""
    values: Array = np.concatenate([np.zeros(0), *parts])
    return values[np.isfinite(values)]


def find_white(values: Array) -> float:
    """Return the value that is white: few are brighter."""
    return float(np.percentile(values, WHITE_PERCENTILE, method="nearest"))


def _draw_panel(
    panel: Panel, zoom: int, window: tuple[float, float], masks: Mapping[str, Mask]
) -> Image.Image:
    pixels = _scale_up(_make_grey(panel, window), zoom)
    for name, plane in panel.masks.items():
        colour = masks[name].colour
        if colour is not None:
            pixels[_find_edge(_scale_up(plane, zoom))] = COLOURS[colour]
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
    _write(pen, (5, 3), view)
    for text, position, anchor in (
        (left, (5, height // 2), "lm"),
        (right, (width - 5, height // 2), "rm"),
        (top, (width // 2, 3), "ma"),
        (bottom, (width // 2, height - 3), "md"),
    ):
        _write(pen, position, text, anchor=anchor)


def _draw_scale(pen: ImageDraw.ImageDraw, middle: int, zoom: int) -> None:
    right = GAP + SCALE_MM * zoom
    pen.line([(GAP, middle), (right, middle)], fill=INK, width=3)
    _write(pen, (right + 8, middle), f"{SCALE_MM} mm", anchor="lm")


def _lay_out_legend(sheet: Sheet, width: int, zoom: int) -> Iterator[tuple[int, int, Mask]]:
    """Yield left, top and entry: beside the scale bar, and on as many lines as they need."""
    left = start = GAP + SCALE_MM * zoom + 8 + _measure_text(f"{SCALE_MM} mm") + 2 * GAP
    top = 0
    for mask in sheet.masks.values():
        room = 20 + _measure_text(mask.text)
        if left > start and left + room > width - GAP:
            left, top = start, top + LINE
        yield left, top, mask
        left += room + GAP


def _draw_entry(pen: ImageDraw.ImageDraw, left: int, middle: int, mask: Mask) -> None:
    if mask.colour is not None:
        pen.rectangle([(left, middle - 6), (left + 12, middle + 6)], fill=COLOURS[mask.colour])
    _write(pen, (left + 20, middle), mask.text, FADED if mask.colour is None else INK, "lm")
