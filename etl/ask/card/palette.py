"""The colours of masks: one order for pictures, plots and pages (site.css: --mask-0 ...)."""

from __future__ import annotations

from collections.abc import Iterable

from etl.model.profile import Profile

Colour = tuple[int, int, int]

# Okabe and Ito (2008), told apart with every kind of colour blindness; the brightest ones.
PALETTE: dict[str, Colour] = {
    "sky blue": (86, 180, 233),
    "vermilion": (240, 110, 60),  # lightened for a dark ground
    "yellow": (240, 228, 66),
    "bluish green": (0, 158, 115),
    "reddish purple": (204, 121, 167),
}
COLOURS = tuple(PALETTE.values())
# Role -> its colour; in the order that sets have everywhere. All others share the other colours.
ROLES = {"expert": 1, "network": 0, "functional": 2}


def number_masks(profile: Profile, names: Iterable[str] = ()) -> dict[str, int]:
    """Return which colour each mask set has, in the order that pages and pictures show them.

    Args:
        profile: its roles take the first colours, whether a set has them or not.
        names: sets of the release that it does not declare.
    """
    by_role = {profile.sets[role]: n for role, n in ROLES.items() if role in profile.sets}
    others = sorted({*profile.masks, *names} - {*by_role})
    n_free = len(PALETTE) - len(ROLES)
    return by_role | {name: len(ROLES) + n % n_free for n, name in enumerate(others)}


def name_colour(number: int) -> str:
    """Return the colour in words."""
    return list(PALETTE)[number]
