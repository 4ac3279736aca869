"""Recipes: hashes of all that decides a table's bytes, except the blobs.

A recipe follows from meaning: the syntax trees of the definitions that a module reaches, without
comments, docstrings and annotations. What a release's values cost to measure is hours; a spelling
that was mended must not cost them again.
"""

from __future__ import annotations

import ast
import hashlib
import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from etl.model.errors import UserError
from etl.model.profile import Profile
from etl.model.schema import parse_columns
from etl.model.store import scratch_folder, write_text

PACKAGE = Path(__file__).parents[1]
# Distribution names of imports that are spelt otherwise.
DISTRIBUTIONS = {
    "cc3d": "connected-components-3d",
    "skimage": "scikit-image",
    "zrad": "z-rad",
}
# A module and the name of one of its definitions; None: all of them.
Symbol = tuple[str, str | None]
# Hashes of code by module, and the distributions that it uses.
Description = tuple[dict[str, str], list[str]]

KEPT = "recipes.json"

WRITING: tuple[Symbol, ...] = (("etl.model.store", "write_table"), ("etl.tables.findings", "TABLE"))
SERIALIZING: tuple[Symbol, ...] = (("etl.model.store", "serialize_part"),)
# Parts of a syntax tree that change no value.
_MUTE_FIELDS = {"annotation", "returns", "type_comment", "type_params", "kind", "ctx"}
# What a declaration says that changes no measured value.
_WORD_KEYWORDS = {"meaning", "grain", "key", "needs", "references", "adds"}


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a table is made by: hashes of 32 hex digits.

    `table`: decides its bytes. `values`: decides what measure() gives for a blob, and no more: the
    key of kept units. A changed description changes the first alone. `parts`: what the first is
    made of by name (`code of etl.model.store`, `numpy`, `params.yaml: limits.region_voxels`), so
    that a change can be named.
    """

    table: str
    values: str
    parts: Mapping[str, str] = field(default_factory=dict, compare=False)


def make_recipe(
    module: str,
    profile: Profile,
    root: Path,
    extra_files: tuple[str, ...] = (),
    params: Mapping[str, Any] | None = None,
    mask_sets: Sequence[str] = (),
) -> Recipe:
    """Return both recipes of a table's module.

    Args:
        module: such as `etl.tables.masks`.
        profile: its names decide what a file is; its thresholds change no table.
        root: the project.
        extra_files: files that the module reads beside the release, relative to the root.
        params: values of params.yaml that decide its values, by name.
        mask_sets: of the release, of a table with a file per case: each is a column there.
    """
    facts = {
        **({"mask sets of the release": _digest(mask_sets)} if mask_sets else {}),
        "names of the profile": _digest(profile.naming()),
        **{f"params.yaml: {name}": _digest(value) for name, value in (params or {}).items()},
        **{path: _digest(_read_text(root / path)) for path in extra_files},
    }
    measuring: list[Symbol] = [(module, "measure"), *(SERIALIZING if mask_sets else ())]
    values = {**_describe(root, measuring, worded=False), **facts}
    parts = {**_describe(root, [(module, None), *WRITING], worded=True), **facts}
    return Recipe(_digest(parts, _digest(values)), _digest(values), parts)


def make_module_recipe(
    root: Path, module: str, profile: Profile, extra_files: Iterable[Path] = ()
) -> str:
    """Return the recipe of a table that one module makes of other tables."""
    facts = [profile.naming(), [_read_text(path) for path in extra_files]]
    description = _describe(root, [(module, None), *WRITING], worded=True)
    keep_descriptions(root)
    return _digest(description, facts)


def list_libraries(root: Path, modules: Iterable[str]) -> set[str]:
    """Return the distributions that decide what tables' modules measure."""
    described = [_describe(root, [(module, "measure")], worded=False) for module in modules]
    return {n for names in described for n in names if _find_version(n) is not None}


def describe_process(libraries: Iterable[str]) -> dict[str, str]:
    """Return what values follow from in this process, beside their parameters: by name."""
    versions = {name: _find_version(name) or "missing" for name in sorted(libraries)}
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return {"ispy1": f"code {_hash_package()[:12]}", "Python": python, **versions}


def find_closure(module: str) -> tuple[set[str], set[str]]:
    """Return the project's modules that a table is made by, and the distributions they use."""
    definitions, aliases = reach([(module, None), *WRITING])
    return set(definitions), _name_distributions(aliases)


def _digest(*facts: object) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]


def _read_text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _describe(root: Path, starts: Sequence[Symbol], *, worded: bool) -> dict[str, str]:
    """Return the meaning of what `starts` reach, by module, and the versions of libraries.

    The syntax trees of the whole package take most of a second to follow, and three stages of a
    run do: what they say is kept (keep_descriptions) until a module changes.
    """
    descriptions = _read_kept(root)
    key = f"{starts} {worded}"
    if key not in descriptions:
        descriptions[key] = _follow(tuple(starts), worded=worded)
    code, distributions = descriptions[key]
    versions = {name: _find_version(name) for name in distributions}
    return {**code, **{name: number for name, number in versions.items() if number is not None}}


@cache
def _follow(starts: tuple[Symbol, ...], *, worded: bool) -> Description:
    definitions, aliases = reach(starts)
    # By meaning, not by place: a function that was moved inside its module is the same function.
    code = {
        f"code of {module}": _digest(
            sorted(
                _hash_meaning(_parse_module(module).statements[n], worded=worded) for n in numbers
            )
        )
        for module, numbers in definitions.items()
    }
    return {**code, "imports": _digest(sorted(aliases))}, sorted(_name_distributions(aliases))


@cache
def _read_kept(root: Path) -> dict[str, Description]:
    """Return the descriptions of the package as it is now, by what they start from."""
    try:
        package, described = json.loads((scratch_folder(root) / KEPT).read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError):  # not there, or damaged: all is followed again
        return {}
    return dict(described) if package == _hash_package() else {}


def keep_descriptions(root: Path) -> None:
    """Keep what this process followed, for the next one."""
    text = json.dumps([_hash_package(), _read_kept(root)])
    with suppress(UserError, OSError):  # no right to write here, say: it is followed again
        kept = scratch_folder(root) / KEPT
        if _read_text(kept) != text:
            write_text(kept, text)


@cache
def _hash_package() -> str:
    """Return a hash of all that a description follows from: sources, and Python that parses."""
    modules = sorted(PACKAGE.rglob("*.py"))
    sources = [[str(path.relative_to(PACKAGE)), path.read_text("utf-8")] for path in modules]
    return _digest(sys.version_info[:2], sources)


def _name_distributions(aliases: Iterable[tuple[str, str]]) -> set[str]:
    return {target.split(".")[0] for _, target in aliases}


def reach(starts: Iterable[Symbol]) -> tuple[dict[str, set[int]], set[tuple[str, str]]]:
    """Follow names from `starts` through the project's modules.

    Returns:
        Module -> positions of the top-level statements that are reached (empty where only its
        imports are), and (alias, full name) of what is used of other packages.
    """
    definitions: dict[str, set[int]] = defaultdict(set)
    aliases: set[tuple[str, str]] = set()
    pending = list(starts)
    followed: set[Symbol] = set()
    while pending:
        symbol = pending.pop()
        if symbol in followed:
            continue
        followed.add(symbol)
        parsed = _parse_module(symbol[0])
        numbers = parsed.statements_of(symbol[1])
        definitions[symbol[0]] |= numbers
        names = set().union(*(parsed.references[n] for n in numbers))
        if symbol[1] is not None and not numbers:
            names.add((symbol[1], None))  # passed on: `from etl.a import b` in a package
        for alias, attribute in names:
            for target in parsed.imports.get(alias, ()):
                if target.split(".")[0] == "etl":
                    pending.append(_resolve_symbol(target, attribute))
                else:
                    aliases.add((alias, target))
            if alias in parsed.owners:
                pending.append((symbol[0], alias))
    return dict(definitions), aliases


def _resolve_symbol(target: str, attribute: str | None) -> Symbol:
    """Return what `from etl.a import b` names: the module etl.a.b, or b of the module etl.a."""
    if _is_module(target):
        return target, attribute
    module, _, name = target.rpartition(".")
    return module, name


Reference = tuple[str, str | None]  # a name, and the attribute that is asked of it


@dataclass(frozen=True, slots=True)
class _Module:
    """The top-level statements of a module, and what they define and use.

    `always`: statements that are no definition and no import: they run with every use.
    """

    statements: tuple[ast.stmt, ...]
    owners: Mapping[str, frozenset[int]]
    imports: Mapping[str, frozenset[str]]
    references: tuple[frozenset[Reference], ...]
    always: frozenset[int]

    def statements_of(self, name: str | None) -> frozenset[int]:
        """Return the positions of what defines `name`, or of all."""
        if name is None:
            return frozenset().union(self.always, *self.owners.values())
        numbers = self.owners.get(name, frozenset())
        return numbers | self.always if numbers else numbers


@cache
def _parse_module(module: str) -> _Module:
    tree = ast.parse(_find_source(module).read_bytes())
    statements = tuple(s for s in tree.body if not _is_mute(s))
    owners: dict[str, set[int]] = defaultdict(set)
    always = set()
    for number, statement in enumerate(statements):
        names = set(_list_defined(statement))
        for name in names:
            owners[name].add(number)
        if not names:
            always.add(number)
    return _Module(
        statements,
        {name: frozenset(numbers) for name, numbers in owners.items()},
        _list_imports(tree),
        tuple(frozenset(_list_references(statement)) for statement in statements),
        frozenset(always),
    )


def _is_mute(statement: ast.stmt) -> bool:
    """Return whether a top-level statement is an import, a docstring, or for type checkers only."""
    if isinstance(statement, ast.If):
        return ast.unparse(statement.test).endswith("TYPE_CHECKING")
    return isinstance(statement, ast.Import | ast.ImportFrom) or _is_docstring(statement)


def _is_docstring(node: object) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _list_defined(statement: ast.stmt) -> Iterator[str]:
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield statement.name
    elif isinstance(statement, ast.Assign | ast.AnnAssign):
        yield from (
            node.id
            for node in ast.walk(statement)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        )


def _list_imports(tree: ast.Module) -> dict[str, frozenset[str]]:
    """Alias -> full names, of the imports at any depth of a module."""
    names: dict[str, set[str]] = defaultdict(set)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for item in node.names:
                names[item.asname or item.name.split(".")[0]].add(item.name)
        elif isinstance(node, ast.ImportFrom) and node.module != "__future__":
            for item in node.names:
                names[item.asname or item.name].add(f"{node.module}.{item.name}")
    return {alias: frozenset(targets) for alias, targets in names.items()}


def _list_references(statement: ast.stmt) -> Iterator[Reference]:
    """Yield every name that a statement uses; of `a.b` also which attribute.

    Annotations count: they tell whose methods are called.
    """
    bases = set()
    for node in ast.walk(statement):  # breadth first: what an attribute is asked of comes after it
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            bases.add(node.value)
            yield node.value.id, node.attr
        elif isinstance(node, ast.Name) and node not in bases:
            yield node.id, None


@cache
def _hash_meaning(statement: ast.stmt, *, worded: bool) -> str:
    return _digest(_make_canonical(statement, worded=worded))


def _make_canonical(node: Any, *, worded: bool) -> Any:  # noqa: ANN401  a tree of nodes and constants
    """Return a syntax tree as lists, the same for every Python version that we run on."""
    if isinstance(node, list):
        return [_make_canonical(item, worded=worded) for item in node if not _is_docstring(item)]
    if not isinstance(node, ast.AST):
        return repr(node)
    if isinstance(node, ast.Call) and not worded:
        node = _drop_words(node)
    fields = ((name, value) for name, value in ast.iter_fields(node) if name not in _MUTE_FIELDS)
    return [
        type(node).__name__,
        *(
            [name, _make_canonical(v, worded=worded)]
            for name, v in fields
            if v is not None and v != []
        ),
    ]


def _drop_words(call: ast.Call) -> ast.Call:
    """Return a call that makes a part of a schema, with no more than what values follow from."""
    name = call.func.id if isinstance(call.func, ast.Name) else ""
    if name == "parse_columns":
        (text,) = (argument.value for argument in call.args if isinstance(argument, ast.Constant))
        columns = [[c.name, c.kind, c.nullable] for c in parse_columns(str(text))]
        return ast.Call(call.func, [ast.Constant(repr(columns))], [])
    if name not in ("Column", "Table", "TableSchema"):
        return call
    arguments = call.args[:2] if name == "Column" else call.args
    keywords = [keyword for keyword in call.keywords if keyword.arg not in _WORD_KEYWORDS]
    return ast.Call(call.func, arguments, keywords)


def _find_source(module: str) -> Path:
    path = PACKAGE.joinpath(*module.split(".")[1:])
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _is_module(name: str) -> bool:
    return _find_source(name).is_file()


@cache
def _find_version(name: str) -> str | None:
    try:
        return version(DISTRIBUTIONS.get(name, name))
    except PackageNotFoundError:  # the standard library
        return None
