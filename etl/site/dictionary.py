"""The page of words: every table, view, macro, input and column, with unit and meaning."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from etl.site.page import File, Site, render_page
from etl.site.reads import list_readers, list_reads
from etl.warehouse import dictionary
from etl.warehouse.dictionary import ColumnFact, Relation

# Kind of a relation -> the heading over all of its kind.
KINDS = {"table": "Tables", "view": "Views", "macro": "Macros", "input": "Small inputs"}
FOLDED = 60  # columns from which a relation is folded: those of the published features


@dataclass(frozen=True, slots=True)
class Entry:
    """A relation of the warehouse as the page shows it.

    `n_rows`: None for what is made anew by each query: counting would cost as much as asking.
    """

    relation: Relation
    parameters: Sequence[ColumnFact]
    columns: Sequence[ColumnFact]
    n_rows: int | None
    reads: Sequence[str]
    readers: Sequence[str]


def make_pages(site: Site) -> Iterator[File]:
    """Yield the dictionary: tables, views, macros, then the small inputs."""
    entries = list(_list_entries(site))
    by_kind = {kind: [e for e in entries if e.relation.kind == kind] for kind in KINDS}
    yield render_page(
        site, "dictionary.html", "dictionary.html.j2",
        by_kind=by_kind, kinds=KINDS, folded=FOLDED,
        names={entry.relation.plain_name for entry in entries},
        n_columns=sum(len(entry.columns) for entry in entries),
        n_parameters=sum(len(entry.parameters) for entry in entries),
    )  # fmt: skip


def _list_entries(site: Site) -> Iterator[Entry]:
    reads = list_reads(site)
    readers = list_readers(reads)
    for relation, facts in dictionary.list_all_facts(site.connection):
        name, n_parameters = relation.plain_name, len(relation.parameters)
        yield Entry(
            relation, facts[:n_parameters], facts[n_parameters:], _count_rows(site, relation),
            reads.get(name, ()), readers.get(name, ()),
        )  # fmt: skip


def _count_rows(site: Site, relation: Relation) -> int | None:
    if relation.kind not in ("table", "input"):
        return None
    query = f"select count(*) from {relation.quoted_name}"  # noqa: S608  quoted
    row = site.connection.execute(query).fetchone()
    return int(row[0]) if row else None
