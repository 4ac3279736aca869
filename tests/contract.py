"""The tables' public interface, which users' SQL depends on, as one file to be read as a diff.

`python tests/contract.py` writes it from the declarations. A line that goes is a promise broken.
"""

from __future__ import annotations

import csv
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from etl import tables
from etl.model.schema import Table, TableSchema

MASK_SETS = ("ftv", "stv_manual", "stv_resunet")  # those that every release declares
PATH = Path(__file__).with_name("contract.csv")


def declared() -> dict[str, TableSchema]:
    """Return every table that a module of etl/tables declares, by name."""
    modules = (
        import_module(f"etl.tables.{module.name}") for module in iter_modules(tables.__path__)
    )
    schemas: dict[str, TableSchema] = {}
    for module in modules:
        table = getattr(module, "TABLE", None)
        if isinstance(table, Table):
            schemas[table.name] = table
            if table.parts:
                schemas[table.parts] = module.describe_part(MASK_SETS)
    return schemas


def columns() -> list[dict[str, str]]:
    """Return a row per column of every table, in order: the lines of the file."""
    return [
        {
            "table": name,
            "column": column.name,
            "type": column.kind,
            "nullable": "null" if column.nullable else "",
            "key": str(schema.key.index(column.name) + 1) if column.name in schema.key else "",
            "unit": column.unit,
        }
        for name, schema in sorted(declared().items())
        for column in schema.columns
    ]


def published() -> list[dict[str, str]]:
    """Return the lines of the file."""
    with PATH.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write() -> None:
    """Write the file."""
    rows = columns()
    with PATH.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    write()
