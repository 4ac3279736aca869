"""The colour of a mask set: the same on every page, plot and outline."""

from __future__ import annotations

from collections.abc import Iterable

from etl.model.profile import Profile

# Place in the palette (etl.ask.card.draw.PALETTE, and --mask-0 and on in site.css): by role.
ROLES = ("network", "expert", "functional")
# What a picture says that was taken out of the page: the light values of site.css.
LIGHT = ("#0072b2", "#d55e00", "#8a7a00", "#00795a", "#a3497f")


def number_masks(profile: Profile, masks: Iterable[str]) -> dict[str, int]:
    """Return the place in the palette of each mask set: those with a role first, then by name.

    Args:
        profile: says which set has which role.
        masks: the sets of a release, your own among them.
    """
    by_role = {profile.sets[role]: n for n, role in enumerate(ROLES) if role in profile.sets}
    others = sorted({*profile.masks, *masks} - {*by_role})
    n_others = len(LIGHT) - len(ROLES)  # the three of the roles are nobody else's
    return by_role | {name: len(ROLES) + n % n_others for n, name in enumerate(others)}


def name_colour(number: int) -> str:
    """Return the CSS of a place in the palette; outside a page it is the light value."""
    return f"var(--mask-{number}, {LIGHT[number]})"
