"""The first page: plots with their SQL, rows and words, from made rows."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from pathlib import Path
from unittest.mock import Mock
from urllib.parse import unquote
from xml.etree import ElementTree as ET

import duckdb
import pytest
import vl_convert
from pages import Files, keep_files
from typer.testing import CliRunner

from etl.ask.card.draw import Sheet, draw_png
from etl.ask.card.palette import PALETTE
from etl.ask.card.picture import make_texts
from etl.cli import app
from etl.model.profile import load_profile
from etl.site.card import make_pages
from etl.site.page import STATIC, Site
from etl.site.palette import MASKS
from etl.site.plots import PLOTS, Plot
from etl.site.svg import SVG
from etl.warehouse import connect
from etl.warehouse.reports import find

HOSTILE = "GE </title><script>alert(1)</script>"


@pytest.fixture(scope="module")
def root(green: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project `green` with a picture of the release."""
    root = Path(shutil.copytree(green, tmp_path_factory.mktemp("card") / "project"))
    sheet = Sheet("PHANTOM ISPY1_9001: median case", ["a plane"])
    (root / "reports").mkdir(exist_ok=True)
    (root / "reports/card.png").write_bytes(draw_png(sheet, make_texts(sheet, "1")))
    return root


@contextmanager
def open_tables(root: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connect.build(connection, connect.take_working_tree(root), storage="table")
        connection.execute("update masks set largest_component_max_diameter_mm = 40")
        yield connection


@pytest.fixture
def tables(root: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The tables and views of `root` in memory, to be changed."""
    with open_tables(root) as connection:
        yield connection


@pytest.fixture(scope="module")
def files(root: Path) -> Files:
    with open_tables(root) as connection:
        return make(root, connection, root / "nowhere")


@pytest.fixture
def last_build(files: Files, tmp_path: Path) -> Path:
    """The site as a build left it: what is the same is not drawn again."""
    return keep_files(files, tmp_path)


def make(root: Path, connection: duckdb.DuckDBPyConnection, folder: Path) -> Files:
    pages = make_pages(Site(root, connection, load_profile(root), folder))
    return {file.path: file.content for file in pages}


def read_page(files: Files) -> str:
    return files["index.html"].decode()


def find_figure(files: Files, name: str) -> str:
    match = re.search(rf'<figure class="plot" id="{name}".*?</figure>', read_page(files), re.DOTALL)
    assert match, name
    return unescape(match[0])


def parse(files: Files, plot: str) -> ET.Element:
    return ET.fromstring(files[f"plots/{plot}.svg"])  # noqa: S314  our own


@pytest.mark.parametrize("plot", PLOTS, ids=lambda plot: plot.name)
def test_a_plot_has_words_sql_rows_and_name(files: Files, root: Path, plot: Plot) -> None:
    figure = find_figure(files, plot.name)
    svg = parse(files, plot.name)
    reading = re.search(r"<figcaption>(.*)</figcaption>", figure)
    assert reading
    assert svg.get("role") == "img"
    label = str(svg.get("aria-label"))
    assert label.startswith(plot.title)
    assert label.endswith(reading[1])
    assert f'<h3 id="{plot.name}-title">{plot.title}</h3>' in figure
    assert find(root, plot.report).strip() in figure
    assert f"<code>ispy1 report {plot.report} --format csv</code>" in figure
    assert f'href="data/{plot.report}.csv" download' in figure


def test_a_mark_says_what_it_is_and_leads_to_its_case(files: Files) -> None:
    svg = parse(files, "volumes_by_pcr")
    marks = [mark for mark in svg.iter() if mark.get("data-href")]
    assert len(marks) == 6
    assert {mark.get("data-href") for mark in marks} == {
        "cases/ISPY1_9001.html", "cases/ISPY1_9002.html",
    }  # fmt: skip
    first = marks[0].find(f"{{{SVG}}}title")
    assert first is not None
    assert re.fullmatch(r"ISPY1_900\d: \w+ 5.00 cm³, HR\+/HER2-, .*", first.text or "")


def test_rows_are_those_of_the_report(
    files: Files, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    done = CliRunner().invoke(app, ["report", "mask_volumes", "--format", "csv"])
    assert done.stdout.encode() == files["data/mask_volumes.csv"]


def test_what_the_page_names_is_there(files: Files) -> None:
    targets = re.findall(r'(?:href|src)="((?:data|plots)/[^"]+)"', read_page(files))
    assert {unquote(target) for target in targets} == files.keys() - {"index.html"}


def test_it_says_its_versions_and_its_counts(files: Files, root: Path) -> None:
    page = read_page(files)
    assert "<dt>git revision</dt>" in page
    assert "<dt>requirements.lock</dt>" in page
    assert "<dd>2 (named by a blob" in page
    assert "It is synthetic" in page
    assert load_profile(root).citations[0] in page


def test_same_rows_same_bytes_and_nothing_is_drawn_again(
    files: Files, tables: duckdb.DuckDBPyConnection, root: Path, last_build: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    (last_build / "plots" / "diameters.svg").unlink()
    draw = Mock(wraps=vl_convert.vegalite_to_svg)
    monkeypatch.setattr(vl_convert, "vegalite_to_svg", draw)
    assert make(root, tables, last_build) == files
    assert draw.call_count == 1


def test_what_is_missing_leaves_its_plots_out(
    tables: duckdb.DuckDBPyConnection, root: Path, last_build: Path
) -> None:
    tables.execute("drop table clinical; drop table mask_agreement; drop table voxels")
    part = make(root, tables, last_build)
    for plot in PLOTS:
        is_drawn = plot.name in {"geometries", "coverage", "stability"}
        assert (f"plots/{plot.name}.svg" in part) == is_drawn, plot.name
        assert (f"Left out: {plot.absent}." in find_figure(part, plot.name)) != is_drawn


def test_a_hostile_scanner_stays_text(
    tables: duckdb.DuckDBPyConnection, root: Path, last_build: Path
) -> None:
    tables.execute("update acquisitions set manufacturer = ?", [HOSTILE])
    hostile = make(root, tables, last_build)
    assert b"<script>alert" not in hostile["index.html"] + hostile["plots/dice_by_scanner.svg"]
    svg = parse(hostile, "dice_by_scanner")
    assert any(str(mark.text).endswith(HOSTILE) for mark in svg.iter(f"{{{SVG}}}title"))


def test_a_picture_outside_the_page_has_the_colours_of_the_light_page() -> None:
    light = (STATIC / "site.css").read_text().partition("@media")[0]
    assert tuple(re.findall(r"--mask-\d: (#\w+)", light)) == MASKS
    assert len(MASKS) == len(PALETTE)


def test_the_picture_has_words_and_leads_to_its_case(files: Files, root: Path) -> None:
    page = read_page(files)
    assert files["data/card.png"] == (root / "reports/card.png").read_bytes()
    assert 'alt="PHANTOM ISPY1_9001: median case. a plane"' in page
    assert '<a href="cases/ISPY1_9001.html">The page of ISPY1_9001</a>' in page
