"""The page of words: every table, view, macro, input and column, with unit and meaning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from etl.site.page import File, Site, render_page
from etl.site.reads import list_readers, list_reads
from etl.warehouse import dictionary
from etl.warehouse.connect import quoted
from etl.warehouse.dictionary import ColumnFact, Relation

# Kind of a relation -> the heading over all of its kind.
KINDS = {"table": "Tables", "view": "Views", "macro": "Macros", "input": "Small inputs"}
FOLDED = 60  # columns from which a relation is folded: those of the published features


@dataclass(frozen=True, slots=True)
class Entry:
    """A relation of the warehouse as the page shows it.

    `name`: without parameters, the anchor of the entry. `n_rows`: None for what is made anew by
    each query: counting would cost as much as asking.
    """

    name: str
    relation: Relation
    parameters: Sequence[ColumnFact]
    columns: Sequence[ColumnFact]
    n_rows: int | None
    reads: Sequence[str]
    readers: Sequence[str]

    @property
    def key(self) -> tuple[str, ...]:
        """The columns of the key."""
        return tuple(self.relation.key.split(", ")) if self.relation.key else ()


def make_pages(site: Site) -> Iterator[File]:
    """Yield the dictionary."""
    entries = list_entries(site)
    by_kind = {kind: [e for e in entries if e.relation.kind == kind] for kind in KINDS}
    yield render_page(
        site, "dictionary.html", "dictionary.html.j2",
        by_kind=by_kind, kinds=KINDS, folded=FOLDED,
        names={entry.name for entry in entries},
        n_columns=sum(len(entry.columns) for entry in entries),
        n_parameters=sum(len(entry.parameters) for entry in entries),
    )  # fmt: skip


def list_entries(site: Site) -> list[Entry]:
    """Return every relation of the warehouse: tables, views, macros, then the small inputs."""
    reads = list_reads(site)
    readers = list_readers(reads)
    all_facts = dictionary.list_all_facts(site.connection)
    return [_make_entry(site, *of_relation, reads, readers) for of_relation in all_facts]


def _make_entry(
    site: Site,
    relation: Relation,
    facts: Sequence[ColumnFact],
    reads: Mapping[str, Sequence[str]],
    readers: Mapping[str, Sequence[str]],
) -> Entry:
    n_parameters = len(relation.parameters)
    name = relation.sql_name.partition("(")[0]
    return Entry(
        name, relation, facts[:n_parameters], facts[n_parameters:], _count_rows(site, relation),
        reads.get(name, ()), readers.get(name, ()),
    )  # fmt: skip


def _count_rows(site: Site, relation: Relation) -> int | None:
    if relation.kind not in ("table", "input"):
        return None
    name = f"{quoted(relation.schema)}.{quoted(relation.name)}"
    row = site.connection.execute(f"select count(*) from {name}").fetchone()  # noqa: S608  quoted
    return int(row[0]) if row else None
