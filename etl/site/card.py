"""The first page: what the release is, its counts, tables and plots, each with SQL and rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from etl.ask.card.card import (
    NOT_RECORDED,
    PICTURE,
    Facts,
    describe_verdict,
    list_tables,
    read_facts,
)
from etl.ask.card.palette import number_masks
from etl.ask.card.picture import read_facts as read_picture_facts
from etl.ask.card.template import Row, ask
from etl.build.manifest import hash_file
from etl.build.recipe import make_module_recipe
from etl.model.errors import UserError
from etl.site.gate import make_case_finder
from etl.site.page import File, Site, render_page
from etl.site.palette import list_legend, name_mask_colour
from etl.site.plots import PLOTS, Plot, Sets
from etl.site.svg import draw_plot
from etl.text.output import format_csv
from etl.versions import git
from etl.warehouse.reports import REPORTS, find, read_title
from etl.warehouse.views import read_views

LOCK = "requirements.lock"
# What the page shows as tables, by the name of the report.
TABLES = ("size", "labels", "resolution", "image_sets", "counts", "citation")


@dataclass(frozen=True, slots=True)
class Answer:
    """A report: its question, SQL and rows; `csv` is the path of the rows below the site."""

    name: str
    question: str
    sql: str
    rows: Sequence[Row]

    @property
    def csv(self) -> str:
        """Return the path of the rows in the site."""
        return f"data/{self.name}.csv"


@dataclass(frozen=True, slots=True)
class Figure:
    """A plot as the page shows it; without `svg` it says what it takes."""

    plot: Plot
    answer: Answer
    reading: str = ""
    svg: str = ""

    @property
    def path(self) -> str:
        """Return the path of the picture in the site."""
        return f"plots/{self.plot.name}.svg"


def make_pages(site: Site) -> Iterator[File]:
    """Yield the page of the release, its picture, its plots and the rows of its reports."""
    names = {*TABLES, *(plot.report for plot in PLOTS)}
    queries = read_views(site.root / REPORTS, site.profile)
    answers = {name: _ask_report(site, name, queries) for name in sorted(names)}
    facts = read_facts(site.root)
    colours = number_masks(site.profile, (row["mask"] for row in answers["labels"].rows))
    figures = _draw_plots(site, answers, colours)
    picture = site.root / "reports" / PICTURE
    about = read_picture_facts(picture)
    if about:
        yield File(f"data/{PICTURE}", picture.read_bytes())
    yield from (_write_csv(answer) for answer in answers.values() if answer.rows)
    yield from (File(figure.path, figure.svg.encode()) for figure in figures if figure.svg)
    yield render_page(
        site, "index.html", "card.html.j2",
        answers=answers | {"labels": _order_labels(answers["labels"], colours)},
        figures=figures, profile=site.profile,
        verdict=describe_verdict(facts), tables=list_tables(site.connection, facts),
        picture=about, picture_path=f"data/{PICTURE}",
        picture_case=_find_case(site, about.title) if about else None,
        versions=_list_versions(site, facts), legend=list_legend(colours, site.profile.sets),
    )  # fmt: skip


def _ask_report(site: Site, name: str, queries: Mapping[str, str]) -> Answer:
    sql = queries.get(name) or find(site.root, name)  # which says that there is none
    return Answer(name, read_title(sql), sql, ask(site.connection, sql))


def _order_labels(answer: Answer, colours: Mapping[str, int]) -> Answer:
    return replace(answer, rows=sorted(answer.rows, key=lambda row: [*colours].index(row["mask"])))


def _write_csv(answer: Answer) -> File:
    rows = (tuple(row.values()) for row in answer.rows)
    return File(answer.csv, "".join(format_csv(tuple(answer.rows[0]), rows)).encode())


def _find_case(site: Site, title: str) -> str | None:
    """Return the case of a picture, with which its title begins."""
    return make_case_finder(site)(title.partition(":")[0].rpartition(" ")[2])


def _list_versions(site: Site, facts: Facts) -> dict[str, str]:
    """Return what the page was made of, by name."""
    try:
        revision = git.resolve(site.root, "HEAD").commit
    except UserError:  # no git here, or no commit yet
        revision = "none: not under git"
    return {
        "git revision": revision,
        "release (DVC)": facts.release_hash or NOT_RECORDED,
        LOCK: hash_file(site.root / LOCK) or "none: no lock",
        "profile": site.profile.name,
    }


# --- Plots -------------------------------------------------------------------------------------


def _draw_plots(
    site: Site, answers: Mapping[str, Answer], colours: Mapping[str, int]
) -> list[Figure]:
    sets = _list_sets(site, colours)
    recipe = make_module_recipe(site.root, "etl.site.svg", site.profile)
    return [_draw_figure(site, plot, answers[plot.report], sets, recipe) for plot in PLOTS]


def _list_sets(site: Site, colours: Mapping[str, int]) -> Sets:
    roles = site.profile.sets
    expert, network, functional = (roles.get(r, "") for r in ("expert", "network", "functional"))
    css = {mask: name_mask_colour(number) for mask, number in colours.items()}
    return Sets(expert, network, functional, css)


def _draw_figure(site: Site, plot: Plot, answer: Answer, sets: Sets, recipe: str) -> Figure:
    figure, marks = Figure(plot, answer), plot.prepare(answer.rows, sets)
    if not marks:
        return figure
    reading = plot.read(marks, sets)
    alt = f"{plot.title}. {plot.axes}. {reading}"
    svg = draw_plot(plot, marks, sets, alt, site.folder / figure.path, recipe)
    return replace(figure, reading=reading, svg=svg)
