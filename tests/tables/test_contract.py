"""The tables' public interface: names, types and keys that users' SQL depends on."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import contract
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from etl.build.index import import_table, list_tables
from etl.model.schema import Per
from etl.model.store import ARROW_TYPES, read_footer, table_path

SCHEMAS = contract.declared()


def test_the_interface_is_what_was_published() -> None:
    """A column may be added, never taken away: `python tests/contract.py` shows it in the diff."""
    assert contract.columns() == contract.published()


@pytest.mark.parametrize("name", SCHEMAS)
def test_keys_and_documentation(name: str) -> None:
    schema = SCHEMAS[name]
    assert schema.name == name
    assert schema.grain.startswith("One row")
    assert len(set(schema.names)) == len(schema.names)
    for column in schema.columns:
        assert column.meaning, column.name
        assert not (column.name in schema.key and column.nullable), column.name


@pytest.mark.parametrize("name", SCHEMAS)
def test_names_carry_their_unit(name: str) -> None:
    endings = {
        "mm": "_mm",
        "mm2": "_mm2",
        "mm3": "_mm3",
        "cm3": "_cm3",
        "years": "_years",
        "days": "_days",
    }
    for column in SCHEMAS[name].columns:
        if column.unit in endings:
            assert column.name.endswith(endings[column.unit]), column.name
        for ending in endings.values():
            if column.name.endswith(ending):
                assert endings.get(column.unit) == ending, column.name


def test_one_name_means_one_thing() -> None:
    kinds: dict[str, set[tuple[str, str]]] = {}
    for schema in SCHEMAS.values():
        for column in schema.columns:
            kinds.setdefault(column.name, set()).add((column.kind, column.unit))
    assert {name for name, found in kinds.items() if len(found) > 1} == set()


@pytest.mark.parametrize("name", [*list_tables(), "findings"])
def test_files_have_the_declared_form(built: Path, name: str) -> None:
    schema, path = SCHEMAS[name], table_path(built / "data/tables", name)
    arrow = pq.read_schema(path)
    assert tuple(arrow.names) == schema.names
    for column in schema.columns:
        field = arrow.field(column.name)
        # A list's item is called `element` in a file.
        assert field.type == ARROW_TYPES[column.kind] or pa.types.is_list(field.type), column.name
        assert field.nullable == column.nullable, column.name
        assert field.metadata[b"description"].decode() == column.meaning
        assert field.metadata[b"unit"].decode() == column.unit
    facts = read_footer(path)
    assert facts["table"] == name
    assert facts["key"] == list(schema.key)
    assert facts["grain"] == schema.grain
    assert facts["schema_version"] == 1
    assert facts["is_phantom"] is True
    assert facts["licence"]
    assert facts["attribution"]
    assert len(facts["recipe"]) == 32
    assert list(facts["columns"]) == sorted(schema.names)


@pytest.mark.parametrize("name", [*list_tables(), "findings"])
def test_files_are_sorted_by_their_key(built: Path, name: str) -> None:
    table = pq.read_table(table_path(built / "data/tables", name))
    key = list(SCHEMAS[name].key)
    keys = [tuple(row.values()) for row in table.select(key).to_pylist()]
    assert keys == sorted(keys)
    assert len(set(keys)) == len(keys)
    assert all(len(column.chunks) <= 1 for column in table.columns)


def test_every_table_of_the_release_has_a_module() -> None:
    parts = {import_table(name).TABLE.parts for name in list_tables()} - {""}
    assert {*list_tables(), *parts, "findings", "gate_results"} == set(SCHEMAS)
    for name in list_tables():
        table = import_table(name).TABLE
        assert isinstance(table.reads, tuple)
        assert table.per in get_args(Per)
        assert set(table.assembled) <= set(table.names)
