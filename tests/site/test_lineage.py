"""The page of lineage: every stage and table in its picture, and what is stale."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pages import HOSTILE, Page, open_site
from support import ROOT

from etl.build.index import list_tables
from etl.model import project
from etl.model.params_file import set_params
from etl.site import dictionary, lineage
from etl.site.layout import HEIGHT, arrange
from etl.site.reads import list_reads


def read_page(root: Path) -> Page:
    with open_site(root) as site:
        (file,) = lineage.make_pages(site)
    return Page(file.content)


@pytest.fixture(scope="module")
def page(built: Path) -> Page:
    return read_page(built)


def test_every_stage_and_table_is_in_a_picture_and_in_a_table(built: Path, page: Page) -> None:
    stages = project.read_yaml(ROOT / "dvc.yaml")["stages"]
    assert {f"stage-{name}" for name in stages} <= {*page.list_values("id")}
    pictures = page.html.split("<svg")[1:]
    for name in stages:
        assert f'href="#stage-{name}"' in pictures[0]
    with open_site(built) as site:
        (words,) = dictionary.make_pages(site)
        reads = list_reads(site)
    anchors = {f"dictionary.html#{anchor}" for anchor in Page(words.content).list_values("id")}
    for name in (*list_tables(), "voxels", "findings", "gate_results"):
        assert f'href="dictionary.html#{name}"' in pictures[1]
    links = [link for link in page.list_values("href") if "dictionary.html#" in link]
    built_links = {link for link in links if link != "dictionary.html#gate_results"}
    assert built_links <= anchors
    assert {"masks", "inputs.expected_items"} == {*reads["label_summary"]} - {"cases"}
    assert not page.lost_links


def test_after_a_build_all_tables_are_fresh(page: Page) -> None:
    """But the gate did not run here."""
    picture = page.html.split("<svg")[2].partition("</svg>")[0]
    assert picture.count("! stale") == 1
    assert "gate_results ! stale" in Page(picture.encode()).text


def test_what_changed_is_stale_and_so_is_what_needs_it(rebuilt: Path) -> None:
    set_params(rebuilt / "params.yaml", {"phase_fits.min_r_squared": 0.5})
    text = (rebuilt / "dvc.yaml").read_text()
    (rebuilt / "dvc.yaml").write_text(text.replace("ispy1 card", f"echo '{HOSTILE[:12]}'"))
    page = read_page(rebuilt)
    assert "params.yaml: phase_fits.min_r_squared changed" in page.text
    assert "kinetics ! stale phase_fits is stale" in page.text
    assert "phase_fits, kinetics: stale" in page.text
    assert page.text.count("masks ✓ fresh") >= 1
    assert f"echo '{HOSTILE[:12]}'" in page.text


def test_without_an_index_nobody_knows(rebuilt: Path) -> None:
    for path in (rebuilt / project.INDEX).iterdir():
        path.unlink()
    assert "masks ? not known" in read_page(rebuilt).text


def test_the_same_bytes_twice(built: Path, page: Page) -> None:
    assert read_page(built).html == page.html


def test_pictures_are_xml(page: Page) -> None:
    """A browser is lenient, another program that takes the picture is not."""
    for part in page.html.split("<svg")[1:]:
        ET.fromstring(f"<svg{part.partition('</svg>')[0]}</svg>")  # noqa: S314  our own


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, list[str]]:
    names = [f"n{number}" for number in range(draw(st.integers(0, 12)))]
    return {
        name: draw(st.lists(st.sampled_from(names[:at]), unique=True)) if at else []
        for at, name in enumerate(names)
    }


@given(graphs())
def test_edges_lead_to_the_right_and_no_two_nodes_overlap(needs: dict[str, list[str]]) -> None:
    layout = arrange(needs, ("last",))
    assert {*layout.nodes} == {*needs, "last"}
    assert {(s, t) for s, t, _ in layout.edges} == {(s, t) for t, of in needs.items() for s in of}
    for source, target, path in layout.edges:
        assert layout.nodes[source][0] + layout.node_width < layout.nodes[target][0]
        assert path.endswith(f"{layout.nodes[target][0]},{layout.nodes[target][1] + HEIGHT // 2}")
    assert all(
        x < layout.nodes["last"][0] for name, (x, _) in layout.nodes.items() if name in needs
    )
    for (x, y), (other_x, other_y) in combinations(layout.nodes.values(), 2):
        assert x != other_x or abs(y - other_y) >= HEIGHT
    assert all(
        x + layout.node_width <= layout.width and y + HEIGHT <= layout.height
        for x, y in layout.nodes.values()
    )
