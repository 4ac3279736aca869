"""Colours of the site, as CSS: they turn with the page, dark and light."""

from __future__ import annotations

from collections.abc import Mapping

from etl.ask.card.montage import name_in_full

# What a picture says that was taken out of the page: the light values of site.css.
MASKS = ("#0072b2", "#d55e00", "#8a7a00", "#00795a", "#a3497f")


def name_mask_colour(number: int) -> str:
    """Return the CSS of a colour of the palette (etl.ask.card.palette)."""
    return f"var(--mask-{number}, {MASKS[number]})"


def list_legend(colours: Mapping[str, int], sets: Mapping[str, str]) -> list[tuple[str, int]]:
    """Return what each mask set is called, and its number in the palette."""
    return [(name_in_full(name, sets), number) for name, number in colours.items()]
