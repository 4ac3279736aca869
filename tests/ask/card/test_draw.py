"""Pixels to a picture."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image
from support import ROOT, Array, ball

from etl.ask.card.draw import GREYS, PEN, Mask, Panel, Sheet, Strip, draw, draw_png
from etl.ask.card.palette import COLOURS, number_masks
from etl.model.profile import load_profile


def disc(centre: int, radius: float, size: int = 60) -> Array:
    return ball((size, size, 1), (centre, centre, 0), radius)[:, :, 0]


def sheet(masks: list[Array], image: Array | None = None) -> Sheet:
    inside = None if image is None else np.ones(image.shape, bool)
    panels = [Panel("axial", image, inside, {str(n): mask for n, mask in enumerate(masks)})]
    legend = {str(n): Mask(f"mask {n}", n % len(COLOURS)) for n in range(len(masks))}
    return Sheet("title", ["note"], [Strip("", panels)], legend)


def colours(one: Sheet) -> dict[tuple[int, ...], int]:
    """How often each colour of the palette occurs in the planes (text is smoothed: it is grey)."""
    pixels = np.asarray(draw(one)).reshape(-1, 3)
    values, counts = np.unique(pixels, axis=0, return_counts=True)
    found = {tuple(map(int, v)): int(n) for v, n in zip(values, counts, strict=True)}
    return {colour: found.get(colour, 0) for colour in COLOURS}


def png(one: Sheet) -> bytes:
    return draw_png(one, {})


def test_same_sheet_same_bytes() -> None:
    image = np.random.default_rng(1).normal(size=(60, 60))
    assert png(sheet([disc(30, 9)], image)) == png(sheet([disc(30, 9)], image.copy()))


def test_each_mask_has_its_colour() -> None:
    found = colours(sheet([disc(30, 5), disc(30, 10), disc(30, 20)]))
    assert all(found[colour] > 300 for colour in COLOURS[:3])  # an entry of the legend has 169
    assert not any(found[colour] for colour in COLOURS[3:])


def test_an_outline_is_thin() -> None:
    """It hides little: a ring of PEN pixels, not the disc."""
    zoom, radius = 10, 20
    ring = colours(sheet([disc(30, radius)]))[COLOURS[0]]
    assert ring < 12 * radius * zoom * PEN


def test_text_alone() -> None:
    picture = draw(Sheet("no picture", ["The release holds no image."]))
    assert picture.height < 120
    assert np.asarray(picture).any()


def test_constant_and_broken_values_are_drawn() -> None:
    image = np.full((60, 60), 3.0)
    image[0, :3] = np.nan, np.inf, -np.inf
    assert png(sheet([], image))
    assert png(sheet([disc(30, 5)], np.full((60, 60), np.nan)))


def test_a_file_has_the_colours_of_the_drawing() -> None:
    """Few colours make a small file; outlines keep theirs, and no grey is off by a step."""
    one = sheet([disc(30, 9)], np.random.default_rng(1).normal(size=(60, 60)))
    drawn = np.asarray(draw(one)).astype(int)
    reduced = np.asarray(Image.open(io.BytesIO(png(one))).convert("RGB"))
    outline = (drawn == COLOURS[0]).all(axis=-1)
    assert np.array_equal(outline, (reduced == COLOURS[0]).all(axis=-1))
    assert np.abs(drawn - reduced).max() <= 256 // GREYS


def test_a_long_legend_is_broken_into_lines() -> None:
    few, many = sheet([disc(30, 5)] * 2), sheet([disc(30, 5)] * 30)
    assert draw(many).width == draw(few).width
    assert draw(many).height > draw(few).height


def test_roles_have_the_same_colour_in_every_release() -> None:
    profile = load_profile(ROOT, "phantom")
    assert number_masks(profile, ["ftv", "own", "stv_manual", "stv_resunet", "z"]) == {
        "stv_resunet": 0, "stv_manual": 1, "ftv": 2, "own": 3, "z": 4,
    }  # fmt: skip
    assert number_masks(profile, map(str, range(9)))["8"] < len(COLOURS)
