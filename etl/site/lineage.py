"""The page of lineage: which stages, tables and views are made of which, and what is fresh."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from etl.model.schema import Table
from etl.site.layout import arrange
from etl.site.page import File, Site, render_page
from etl.site.reads import list_declared, list_readers, list_reads
from etl.site.stages import State, examine_stages, examine_tables, find_needs, read_stages
from etl.tables.findings import TABLE as FINDINGS
from etl.tables.gate_results import TABLE as GATE_RESULTS
from etl.warehouse import dictionary

# Made beside all tables, of every one: an edge from each would hide all others.
OF_ALL = {FINDINGS.name: "tables", GATE_RESULTS.name: "gate"}  # table -> the stage that writes it
# State -> its words, its colour, and its sign, which says the same without colour.
STATES = {
    "fresh": ("fresh", "good", "✓"),
    "stale": ("stale", "warn", "!"),
    "unknown": ("not known", "soft", "?"),
}


@dataclass(frozen=True, slots=True)
class View:
    """A view or macro: what it names, and the tables and inputs that this rests on in the end."""

    name: str
    reads: Sequence[str]
    rests_on: Sequence[str]


def make_pages(site: Site) -> Iterator[File]:
    """Yield the page of lineage."""
    stages, declared, reads = read_stages(site.root), list_declared(), list_reads(site)
    needs_of_stages, needs = find_needs(stages), list_needs(reads, declared)
    kinds = _list_kinds(site)
    states = examine_tables(site.root, site.profile)
    of_stages = examine_stages(site.root, needs_of_stages, states)
    for name, stage in OF_ALL.items():
        states[name] = of_stages.get(stage, State(is_known=False))
    yield render_page(
        site, "lineage.html", "lineage.html.j2", words=STATES,
        stages=stages, needs_of_stages=needs_of_stages, states_of_stages=of_stages,
        picture_of_stages=arrange(needs_of_stages),
        declared=declared, needs=needs, of_all=OF_ALL, states_of_tables=states,
        picture_of_tables=arrange(needs, tuple(OF_ALL)), notes=_describe_units(declared),
        readers=list_readers(reads), views=list_views(kinds, reads), relations=kinds,
    )  # fmt: skip


def _describe_units(declared: Mapping[str, Table]) -> dict[str, str]:
    """Return table -> what is measured at once."""
    notes = {name: f"per {table.per}" for name, table in declared.items()}
    notes |= {name: "of tables" for name, table in declared.items() if table.per == "tables"}
    notes |= {table.parts: notes[name] for name, table in declared.items() if table.parts}
    return notes | dict.fromkeys(OF_ALL, "of all tables")


def list_needs(
    reads: Mapping[str, Sequence[str]], declared: Mapping[str, Table]
) -> dict[str, list[str]]:
    """Return table -> the tables that it is made of; of parts, the table that lists them."""
    listers = {table.parts: name for name, table in declared.items() if table.parts}
    of_tables = {
        name: [need for need in reads[name] if need in declared and need not in OF_ALL]
        for name in declared
    }
    return of_tables | {parts: [lister] for parts, lister in listers.items()}


def _list_kinds(site: Site) -> dict[str, str]:
    """Return relation -> table, view, macro or input; relations without parameters."""
    relations = dictionary.list_relations(site.connection)
    return {relation.plain_name: relation.kind for relation in relations}


def list_views(kinds: Mapping[str, str], reads: Mapping[str, Sequence[str]]) -> list[View]:
    """Return the views and macros with what they read."""
    return [
        View(name, reads.get(name, ()), sorted(_find_bottom(name, reads, kinds)))
        for name, kind in kinds.items()
        if kind in ("view", "macro")
    ]


def _find_bottom(
    name: str, reads: Mapping[str, Sequence[str]], kinds: Mapping[str, str]
) -> set[str]:
    """Return the tables and inputs below a view."""
    below: set[str] = set()
    for source in reads.get(name, ()):
        is_view = kinds.get(source) in ("view", "macro")
        below |= _find_bottom(source, reads, kinds) if is_view else {source}
    return below
