"""Whether the phases that become channels are on one scale: N3 images of some cases are not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import etl
from etl.ask.card.template import ask
from etl.exchange.cases import QUERIES
from etl.gate.text import Group
from etl.model.profile import Profile

_WORDS = {
    True: "the phases are on different scales",
    None: "nothing shows whether the phases are on one scale",
}


def describe_scales(
    root: Path, profile: Profile, image_set: str, case_ids: Sequence[str]
) -> list[str]:
    """Return lines about cases whose channels cannot be compared, and what to do; of none: none."""
    if image_set != profile.sets.get("native"):
        return []
    with etl.connect(root) as connection:
        rows = ask(connection, QUERIES["scales"], [list(case_ids)])
    lines = [
        f"In {len(row['case_ids'])} of {len(case_ids)} cases {_WORDS[row['is_stretched']]} "
        f"(view phase_scale): {Group('', tuple(row['case_ids'])).words()}"
        for row in rows
    ]
    return [*lines, *_list_ways(profile, image_set)] if lines else []


def _list_ways(profile: Profile, image_set: str) -> Iterator[str]:
    """Yield what gives channels on one scale."""
    yield (
        "Enhancement across their channels is wrong. For one scale, write slope * value + "
        f"intercept of phase_scale in the place of each value of {image_set}."
    )
    normalized = profile.sets.get("normalized")
    if normalized:
        grid = profile.image_sets[normalized].grid
        names = [f"--masks {name}" for name, masks in profile.masks.items() if masks.grid == grid]
        yield (
            f"Or take other masks: {' or '.join(names)} go with images {normalized}, which have "
            "one scale."
        )
