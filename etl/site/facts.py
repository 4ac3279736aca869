"""What is known of cases: the answers of etl/site/sql and of tables that are shown whole, by case.

`ispy1 show` asks for one case, the site for all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from etl.ask.card.palette import number_masks
from etl.ask.card.template import Row, ask
from etl.warehouse import dictionary
from etl.warehouse.views import fill_roles, read_sql

if TYPE_CHECKING:
    import duckdb

    from etl.model.profile import Profile

SQL = Path(__file__).parent / "sql"
BY_MASK = ("masks", "mask_agreement", "kinetics", "enhancement")  # rows in the order of sets
WHOLE = ("clinical", "outcomes", "inputs.splits", "scanner_by_case", "blobs")


@dataclass(frozen=True, slots=True)
class CaseFacts:
    """The rows of one case: by the name of a query or a table."""

    case_id: str
    rows: Mapping[str, Sequence[Row]] = field(default_factory=dict)

    def find(self, name: str, **key: object) -> Row:
        """Return the first row of a query whose key is so; an empty one without such a row."""
        rows = self.rows.get(name, ())
        return next((row for row in rows if all(row[k] == v for k, v in key.items())), {})


def read_facts(
    connection: duckdb.DuckDBPyConnection, profile: Profile, case_id: str | None = None
) -> list[CaseFacts]:
    """Return all that is known of every case of the release, or of one.

    A table that is not there has no rows: a release may be in parts.
    """
    by_case: dict[str, dict[str, list[Row]]] = {}
    queries = {name: fill_roles(sql, profile) for name, sql in read_sql(SQL).items()}
    queries |= {name: f"from {name} order by case_id" for name in WHOLE}
    for name, sql in queries.items():
        of_cases = f"from ({sql}) where case_id = coalesce(?, case_id)"
        for row in ask(connection, of_cases, [case_id]):
            rows_by_name = by_case.setdefault(row["case_id"], {})
            rows_by_name.setdefault(name.rpartition(".")[2], []).append(row)
    order = [*number_masks(profile)]
    for rows in by_case.values():
        for name in {*BY_MASK} & {*rows}:
            rows[name].sort(key=lambda row: _rank_masks(row, order))
    return [CaseFacts(case, rows) for case, rows in sorted(by_case.items()) if "cases" in rows]


def _rank_masks(row: Row, order: Sequence[str]) -> list[int]:
    """Return where a mask, or two, stand in an order; what is not in it comes last."""
    names = [row[key] for key in ("mask", "mask_a", "mask_b") if key in row]
    return sorted(order.index(name) if name in order else len(order) for name in names)


def read_columns(
    connection: duckdb.DuckDBPyConnection, names: Iterable[str]
) -> dict[str, dict[str, dictionary.ColumnFact]]:
    """Return meaning and unit of the columns of tables and views that are there, by name."""
    relations = {relation.name: relation for relation in dictionary.list_relations(connection)}
    return {
        name: {column.name: column for column in dictionary.columns(connection, relations[name])}
        for name in names
        if name in relations
    }


def list_lacking(case: CaseFacts) -> list[str]:
    """Return what a complete case has and this one lacks, with the reason."""
    rows = case.rows.get("lacking", ())
    return [f"{row['item']} {'not readable' if row['is_present'] else 'missing'}" for row in rows]


def name_scanner(row: Row) -> str:
    """Return vendor and model, as far as they are known."""
    return " ".join(filter(None, (row.get("manufacturer"), row.get("model"))))


def list_measures(
    rows: Sequence[Row], columns: Mapping[str, dictionary.ColumnFact], key: Iterable[str]
) -> Iterator[tuple[dictionary.ColumnFact, list[Any]]]:
    """Yield every column but the key's with its value in each row: a table turned by its side."""
    without = {"case_id", *key}
    for name in rows[0] if rows else ():
        if name not in without and name in columns:
            yield columns[name], [row[name] for row in rows]
