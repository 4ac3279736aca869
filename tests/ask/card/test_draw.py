"""Pixels to a picture."""

from __future__ import annotations

import io

import numpy as np
from support import Array, ball

from etl.ask.card.draw import PALETTE, PEN, Mask, Panel, Sheet, draw


def disc(centre: int, radius: float, size: int = 60) -> Array:
    return ball((size, size, 1), (centre, centre, 0), radius)[:, :, 0]


def sheet(masks: list[Array], image: Array | None = None) -> Sheet:
    inside = None if image is None else np.ones(image.shape, bool)
    panels = [Panel("axial", image, inside, {str(n): mask for n, mask in enumerate(masks)})]
    return Sheet(
        "title",
        ["note"],
        panels,
        [Mask(f"mask {n}", is_shown=True) for n in range(9)][: len(masks)],
    )


def colours(one: Sheet) -> dict[tuple[int, ...], int]:
    """How often each colour of the palette occurs in the planes (text is smoothed: it is grey)."""
    pixels = np.asarray(draw(one)).reshape(-1, 3)
    values, counts = np.unique(pixels, axis=0, return_counts=True)
    found = {tuple(map(int, v)): int(n) for v, n in zip(values, counts, strict=True)}
    return {colour: found.get(colour, 0) for colour in PALETTE}


def png(one: Sheet) -> bytes:
    target = io.BytesIO()
    draw(one).save(target, format="PNG")
    return target.getvalue()


def test_same_sheet_same_bytes() -> None:
    image = np.random.default_rng(1).normal(size=(60, 60))
    assert png(sheet([disc(30, 9)], image)) == png(sheet([disc(30, 9)], image.copy()))


def test_each_mask_has_its_colour() -> None:
    found = colours(sheet([disc(30, 5), disc(30, 10), disc(30, 20)]))
    assert all(found[colour] > 300 for colour in PALETTE[:3])  # an entry of the legend has 169
    assert not any(found[colour] for colour in PALETTE[3:])


def test_an_outline_is_thin() -> None:
    """It hides little: a ring of PEN pixels, not the disc."""
    zoom, radius = 10, 20
    ring = colours(sheet([disc(30, radius)]))[PALETTE[0]]
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
