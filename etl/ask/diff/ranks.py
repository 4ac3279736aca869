"""How unusual each change is, as SQL over the cells that etl.ask.diff.views finds.

How unusual a change is, is its size against the spread of that column in the old version, among
rows of the same kind (the same key apart from the case: one feature, one mask set):
- numbers and dates: |new - old| over the interquartile range; where that is 0, over the range;
  where that is 0 too, infinite;
- words, booleans and lists, which have no spread: 1;
- to and from null: n + 1 over the rows that are so already, plus 1;
- rows added or removed: n + 1 over the rows that share that fate, plus 1.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from string import Template

from etl.ask.diff.shape import CASE, COVERAGE, LINEAGE, Pair, is_number, join_names, load_sql
from etl.warehouse.connect import literal, quoted

_EPOCH = "date '1970-01-01'"

_STAT = Template("""{'name': $name, 'n_rows': count(*), 'n_values': count($column),
    'is_number': $is_number, 'spread': $spread}""")
_SPREAD = Template("""coalesce(
    nullif(quantile_cont($x, 0.75) filter (where isfinite($x))
        - quantile_cont($x, 0.25) filter (where isfinite($x)), 0),
    max($x) filter (where isfinite($x)) - min($x) filter (where isfinite($x)))""")
_NO_STAT = _STAT.substitute(
    name="null::varchar", column="1", is_number="false", spread="null::double"
)
_NOTHING = """
select
    null::varchar as "table", null::varchar as case_id, null::varchar as key,
    null::varchar as change, null::varchar as "column", null::varchar as kind,
    null::varchar as old, null::varchar as new, null::double as difference,
    null::double as spread, null::double as unusual
where false"""


def write_changes(
    tables: Sequence[Pair], schema: str, only: Mapping[str, Collection[str]] | None = None
) -> str:
    """Return the query of diff.changes.

    Args:
        tables: those that have a view of cells in the schema.
        schema: where these views are.
        only: table to the columns that changed, where that is known: the spread of all others
            costs more than all the rest.
    """
    chosen = [pair for pair in tables if only is None or pair.name in only]
    parts = [
        _write_changes_of(pair, schema, None if only is None else only[pair.name])
        for pair in chosen
    ]
    return "\nunion all\n".join(parts) or _NOTHING


def _write_changes_of(pair: Pair, schema: str, only: Collection[str] | None) -> str:
    fields = ", ".join(f"{literal(k)}: c.{quoted(k)}" for k in pair.key)
    lineage = [n for n in pair.common if LINEAGE.fullmatch(n)]
    columns = [n for n in pair.common if n not in lineage and (only is None or n in only)]
    return load_sql(
        "changes_of_a_table",
        schema=schema,
        table=quoted(pair.name),
        name=literal(pair.name),
        case_id=f"c.{CASE}" if CASE in pair.key else "null::varchar",
        case_of_row=f"c.{CASE}" if CASE in pair.key else "c._case",
        key=f"to_json({{{fields}}})::varchar",
        key_names=join_names(pair.key),
        lineage=_list_literals(lineage),
        coverage=_list_literals([name for name in columns if COVERAGE.fullmatch(name)]),
        difference=_subtract(pair, columns),
        group="".join(f"a.{quoted(k)} as {quoted(k)}, " for k in pair.group),
        group_names="".join(f"{quoted(k)}, " for k in pair.group),
        group_of_rows="".join(f"c.{quoted(k)}, " for k in pair.group),
        stats=", ".join(_summarize(pair, name) for name in columns) or _NO_STAT,
        old=pair.old_source,
        same_group=_match_group(pair, "s"),
        same_rows=_match_group(pair, "g"),
    )


def _match_group(pair: Pair, alias: str) -> str:
    return " and ".join(f"c.{quoted(k)} = {alias}.{quoted(k)}" for k in pair.group) or "true"


def _subtract(pair: Pair, columns: list[str]) -> str:
    """Subtract old from new by their text, which reads back exactly; days for dates."""
    dates = [n for n in columns if pair.old.get(n) == pair.new.get(n) == "DATE"]
    numbers = [n for n in columns if is_number(pair.old.get(n)) and is_number(pair.new.get(n))]
    return (
        f'case when c."column" in ({_list_literals(numbers)}) '
        "then try_cast(c.new as double) - try_cast(c.old as double) "
        f'when c."column" in ({_list_literals(dates)}) '
        "then date_diff('day', try_cast(c.old as date), try_cast(c.new as date)) end"
    )


def _summarize(pair: Pair, name: str) -> str:
    kind = (pair.old or pair.new)[name]
    column = f"a.{quoted(name)}"
    is_scale = is_number(kind) or kind == "DATE"
    number = f"date_diff('day', {_EPOCH}, {column})" if kind == "DATE" else column
    return _STAT.substitute(
        name=literal(name),
        column=column,
        is_number=str(is_scale).lower(),
        spread=_SPREAD.substitute(x=f"{number}::double") if is_scale else "null::double",
    )


def _list_literals(names: list[str]) -> str:
    return ", ".join(map(literal, names)) or "null"
