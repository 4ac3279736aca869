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
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from etl.model.errors import UserError
from etl.model.profile import ROLES, Profile
from etl.warehouse.sql_words import literal, quoted

EVERY_OTHER = "*"
_FIELD = re.compile(r"(grain|key|source|parameters|columns):\s*(.*)")
_COLUMN = re.compile(r"  (\w+|\*): (.+)")
_UNIT = re.compile(r"(.*?)(?: \[([^\[\]]+)\])?$", re.DOTALL)
_CTE = re.compile(r"\b([a-z_][a-z0-9_]*)\s+as\s+(?:(?:not\s+)?materialized\s+)?\(")
_RELATION = re.compile(r"(?<!distinct )\b(?:from|join)\s+([a-z_][a-z0-9_]*)\b(?!\s*[.(])")
_INPUT = re.compile(r"\b(?:from|join)\s+inputs\.([a-z_][a-z0-9_]*)\b")
_ROLE = re.compile(rf"'\{{({'|'.join(ROLES)})\}}'")
_NOISE = re.compile(r"--[^\n]*|'(?:[^']|'')*'")


@dataclass(frozen=True, slots=True)
class ViewDoc:
    """What the header of a view or a macro says.

    `columns`, `parameters`: name to meaning, unit in brackets at its end.
    """

    purpose: str
    grain: str = ""
    key: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)


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


def parse_doc(name: str, sql: str, folder: str = "sql/views") -> ViewDoc:
    """Return the documentation in the header of the view or macro `name`.

    Raises:
        UserError: the header has no purpose, no grain or no columns.
    """
    path = f"{folder}/{name}.sql"
    sections: dict[str, list[str]] = {"purpose": []}
    current = sections["purpose"]
    for line in read_header(sql):
        match = _FIELD.match(line)
        current = sections.setdefault(match[1], []) if match else current
        current.append(match[2] if match else line)
    texts = {field: " ".join(" ".join(lines).split()) for field, lines in sections.items()}
    columns, parameters = (
        parse_meanings(path, sections.get(field, ())[1:]) for field in ("columns", "parameters")
    )
    if not (texts["purpose"] and texts.get("grain") and columns):
        message = f"{path}: the header needs a purpose, `grain:` and `columns:`."
        raise UserError(message)
    return ViewDoc(
        purpose=texts["purpose"],
        grain=_join_sentence(texts["grain"]),
        key=tuple(texts["key"].split(", ")) if "key" in texts else (),
        sources=tuple(line.strip() for line in sections.get("source", ())),
        columns=columns,
        parameters=parameters,
    )


def _join_sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def parse_meanings(path: str, lines: Sequence[str]) -> dict[str, str]:
    """Return name to meaning, as lines of a header have them.

    Raises:
        UserError: a line has another form.
    """
    meanings: dict[str, str] = {}
    latest = ""
    for line in lines:
        match = _COLUMN.fullmatch(line)
        if match:
            latest = match[1]
            meanings[latest] = match[2]
        elif line.startswith("    ") and latest:
            meanings[latest] += f" {line.strip()}"
        else:
            message = f"{path}: `{line}` is no line of the form `  column: meaning`."
            raise UserError(message)
    return meanings


def split_unit(meaning: str) -> tuple[str, str]:
    """Return `Volume [cm3]` as (`Volume`, `cm3`); the unit is empty where there is none."""
    match = _UNIT.fullmatch(meaning)
    return (match[1], match[2] or "") if match else (meaning, "")


def table_comment(purpose: str, grain: str, key: Iterable[str]) -> str:
    """Return a table's comment: purpose, grain and key in a form that describe() reads back."""
    listed = ", ".join(key)
    parts = (purpose, f"Grain: {grain}.", f"Key: {listed}." if listed else "")
    return " ".join(part for part in parts if part)


def find_relations(sql: str) -> set[str]:
    """Return the unqualified names that stand after `from` and `join` and that no CTE defines."""
    code = _NOISE.sub(" ", sql)
    return set(_RELATION.findall(code)) - set(_CTE.findall(code))


def find_inputs(sql: str) -> set[str]:
    """Return the small inputs, without their schema, that stand after `from` and `join`."""
    return set(_INPUT.findall(_NOISE.sub(" ", sql)))


def qualify(sql: str, catalog: str) -> str:
    """Return SQL with a catalog before the names that find_relations() gives."""
    relations = find_relations(sql)

    def add_catalog(match: re.Match[str]) -> str:
        name = match[1]
        if name not in relations:
            return match[0]
        return f"{match[0].removesuffix(name)}{quoted(catalog)}.main.{name}"

    return re.sub(f"{_NOISE.pattern}|{_RELATION.pattern}", add_catalog, sql)


def order_views(views: Mapping[str, str], tables: Collection[str]) -> list[str]:
    """Return the views that the built tables allow, each after what it reads.

    Args:
        views: name to SQL text.
        tables: the tables that are built; a view that needs another one is left out.

    Raises:
        UserError: views read each other in a circle.
    """
    reads = {name: find_relations(sql) for name, sql in views.items()}
    graph = {name: sorted(relations) for name, relations in reads.items()}  # always in one order
    try:
        order = [name for name in TopologicalSorter(graph).static_order() if name in views]
    except CycleError as error:
        message = f"sql/views: {' -> '.join(error.args[1])} read each other. Break the circle."
        raise UserError(message) from error
    ready = set(tables)
    for name in order:
        if reads[name] <= ready:
            ready.add(name)
    return [name for name in order if name in ready and name not in tables]
