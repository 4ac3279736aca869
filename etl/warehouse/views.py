"""A view is one SQL file: a comment header that documents it, then one select statement.

    -- Purpose, one or more lines.
    -- grain: one row per case of the release
    -- key: case_id
    -- source: where a constant comes from
    -- columns:
    --   ftv_cm3: Functional tumour volume [cm3]
    --   *: meaning of every other column

A role in braces (`'{expert}'`) is the set of images or masks that has it in the profile.
Names of relations are found after `from` and `join`; a CTE must not have a table's name.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from etl.model.errors import UserError
from etl.model.profile import ROLES, Profile
from etl.warehouse.sql_words import literal

EVERY_OTHER = "*"
_FIELD = re.compile(r"(grain|key|source|columns):\s*(.*)")
_COLUMN = re.compile(r"  (\w+|\*): (.+)")
_UNIT = re.compile(r"(.*?)(?: \[([^\[\]]+)\])?$", re.DOTALL)
_CTE = re.compile(r"\b([a-z_][a-z0-9_]*)\s+as\s+(?:(?:not\s+)?materialized\s+)?\(")
_RELATION = re.compile(r"(?<!distinct )\b(?:from|join)\s+([a-z_][a-z0-9_]*)\b(?!\s*[.(])")
_ROLE = re.compile(rf"'\{{({'|'.join(ROLES)})\}}'")
_NOISE = re.compile(r"--[^\n]*|'(?:[^']|'')*'")


@dataclass(frozen=True, slots=True)
class ViewDoc:
    """What the header of a view says. `columns`: name to meaning, unit in brackets at its end."""

    purpose: str
    grain: str = ""
    key: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)


def read_sql(folder: Path) -> dict[str, str]:
    """Return every `<name>.sql` of a folder: name to text, sorted by name."""
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.sql"))}


def fill_roles(sql: str, profile: Profile) -> str:
    """Return SQL with the name of a set for each role; '', which no set is called, for nobody's."""
    return _ROLE.sub(lambda role: literal(profile.sets.get(role[1], "")), sql)


def read_views(folder: Path, profile: Profile | None) -> dict[str, str]:
    """Return the SQL of every view for a profile; without one, of those that name no role."""
    texts = read_sql(folder)
    if profile is None:
        return {name: sql for name, sql in texts.items() if not _ROLE.search(sql)}
    return {name: fill_roles(sql, profile) for name, sql in texts.items()}


def read_header(sql: str) -> list[str]:
    """Return the comment lines that open a file, without their dashes."""
    lines: list[str] = []
    for line in sql.splitlines():
        if not line.startswith("--"):
            break
        lines.append(line[2:].removeprefix(" ").rstrip())
    return lines


def parse_doc(name: str, sql: str) -> ViewDoc:
    """Return the documentation in the header of the view `name`.

    Raises:
        UserError: the header has no purpose, no grain or no columns.
    """
    purpose: list[str] = []
    fields: dict[str, list[str]] = {"grain": [], "key": [], "source": []}
    columns: dict[str, str] = {}
    current = purpose
    for line in read_header(sql):
        match = _FIELD.match(line)
        if match and match[1] == "columns":
            columns = _parse_columns(name, sql)
            break
        if match:
            current = fields[match[1]]
        current.append(match[2] if match else line.strip())
    if not (purpose and fields["grain"] and columns):
        message = f"sql/views/{name}.sql: the header needs a purpose, `grain:` and `columns:`."
        raise UserError(message)
    return ViewDoc(
        purpose=" ".join(purpose),
        grain=_join_sentence(" ".join(fields["grain"])),
        key=tuple(" ".join(fields["key"]).split(", ")) if fields["key"] else (),
        sources=tuple(fields["source"]),
        columns=columns,
    )


def _join_sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _parse_columns(name: str, sql: str) -> dict[str, str]:
    lines = read_header(sql)
    columns: dict[str, str] = {}
    latest = ""
    for line in lines[lines.index("columns:") + 1 :]:
        match = _COLUMN.fullmatch(line)
        if match:
            latest = match[1]
            columns[latest] = match[2]
        elif line.startswith("    ") and latest:
            columns[latest] += f" {line.strip()}"
        else:
            message = f"sql/views/{name}.sql: `{line}` is no line of the form `  column: meaning`."
            raise UserError(message)
    return columns


def split_unit(meaning: str) -> tuple[str, str]:
    """`Volume [cm3]` as (`Volume`, `cm3`); the unit is empty where there is none."""
    match = _UNIT.fullmatch(meaning)
    return (match[1], match[2] or "") if match else (meaning, "")


def find_relations(sql: str) -> set[str]:
    """Return the unqualified names that stand after `from` and `join` and that no CTE defines."""
    code = _NOISE.sub(" ", sql)
    return set(_RELATION.findall(code)) - set(_CTE.findall(code))


def order_views(views: Mapping[str, str], tables: Collection[str]) -> list[str]:
    """The views that can be made from `tables` (those that are built), each after what it reads.

    Args:
        views: name to SQL text.
        tables: the tables that are built; a view that needs another one is left out.

    Raises:
        UserError: views read each other in a circle.
    """
    reads = {name: find_relations(sql) for name, sql in views.items()}
    try:
        order = [name for name in TopologicalSorter(reads).static_order() if name in views]
    except CycleError as error:
        message = f"sql/views: {' -> '.join(error.args[1])} read each other. Break the circle."
        raise UserError(message) from error
    ready = set(tables)
    for name in order:
        if reads[name] <= ready:
            ready.add(name)
    return [name for name in order if name in ready and name not in tables]
