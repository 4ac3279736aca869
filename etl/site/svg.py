"""A plot as SVG, drawn at the build by the Vega in vl-convert's wheel: the page needs no script.

In the page the same Vega is 0.9 MB of script, and takes seven seconds to bundle. The file has the
hash of what it is made of, and is left as it is where it would be the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree as ET

from etl.site.plots import Mark, Plot, Sets

SVG = "http://www.w3.org/2000/svg"
MADE_OF = "data-made-of"
# What Vega says to readers of a screen mark by mark; a plot says it once, in its label.
_SAID_PER_MARK = ("role", "aria-label", "aria-roledescription", "aria-hidden", "font-family")


def draw_plot(
    plot: Plot, marks: Sequence[Mark], sets: Sets, alt: str, path: Path, recipe: str
) -> str:
    """Return a plot as SVG: the one at `path`, where that is made of the same.

    Args:
        plot: which.
        marks: what it shows.
        sets: the colours.
        alt: what it says to those who do not see it.
        path: where the last build left it.
        recipe: hash of the code that draws.
    """
    facts = json.dumps([recipe, plot.name, alt, marks, dict(sets.colours)])
    made_of = hashlib.sha256(facts.encode()).hexdigest()
    if path.is_file():
        text = path.read_text(encoding="utf-8")
        if f'{MADE_OF}="{made_of}"' in text.partition(">")[0]:
            return text
    import vl_convert

    from etl.site.charts import write_spec

    svg = vl_convert.vegalite_to_svg(write_spec(plot.name, marks, sets), allowed_base_urls=[])
    return _finish(svg, {MADE_OF: made_of, "role": "img", "aria-label": alt}, marks)


def _finish(svg: str, attributes: Mapping[str, str], marks: Sequence[Mark]) -> str:
    """Return Vega's SVG with tooltips, cases to go to, and one label in place of many."""
    cases = {mark["about"]: mark.get("case_id") for mark in marks}
    ET.register_namespace("", SVG)
    root = ET.fromstring(svg)  # noqa: S314  Vega wrote it, and escapes what it is given
    for parent in list(root.iter()):
        for element in list(parent):
            if element.get("display") == "none":
                parent.remove(element)
        about = parent.get("aria-label", "")
        for name in _SAID_PER_MARK:
            parent.attrib.pop(name, None)
        if about in cases:
            _add_tooltip(parent, about, cases[about])
    root.attrib |= attributes
    return ET.tostring(root, encoding="unicode")


def _add_tooltip(mark: ET.Element, about: str, case_id: str | None) -> None:
    ET.SubElement(mark, f"{{{SVG}}}title").text = about
    if case_id is not None:
        mark.set("data-href", f"cases/{quote(case_id, safe='')}.html")
