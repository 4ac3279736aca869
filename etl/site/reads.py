"""Which relations stand behind each: what tables declare, what views and macros name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from etl.build.index import import_table, list_parts_tables, list_tables
from etl.model.schema import Table
from etl.site.page import Site
from etl.warehouse import views
from etl.warehouse.connect import INPUTS_SCHEMA
from etl.warehouse.macros import FOLDER as MACROS
from etl.warehouse.snapshot import ADDED, VIEWS


def list_declared() -> dict[str, Table]:
    """Return the declaration of every table, each behind those that it needs."""
    return {name: import_table(name).TABLE for name in list_tables()}


def list_reads(site: Site) -> dict[str, tuple[str, ...]]:
    """Return relation -> what it reads, sorted; relations as a query names them.

    A table reads those that it needs, and what SQL adds to it; a table of parts what the table
    with a row per part reads. Those that the build itself makes read nothing that is declared.
    """
    needs = {name: set(table.needs) for name, table in list_declared().items()}
    needs |= {parts: {lister, *needs[lister]} for parts, lister in list_parts_tables().items()}
    for name, named in _read_sql(site):
        needs[name] = needs.get(name, set()) | named - {name, "built"}
    return {name: tuple(sorted(of)) for name, of in needs.items()}


def _read_sql(site: Site) -> Iterator[tuple[str, set[str]]]:
    for folder in (ADDED, VIEWS, MACROS):
        for name, sql in views.read_views(site.root / folder, site.profile).items():
            inputs = {f"{INPUTS_SCHEMA}.{table}" for table in views.find_inputs(sql)}
            yield name, views.find_relations(sql) | inputs


def list_readers(reads: Mapping[str, tuple[str, ...]]) -> dict[str, list[str]]:
    """Return relation -> those that read it, sorted."""
    readers: dict[str, list[str]] = {}
    for name in sorted(reads):
        for source in reads[name]:
            readers.setdefault(source, []).append(name)
    return readers
