"""The recipe of a table: a hash of all that decides its bytes, except the blobs."""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from etl.profile import Profile

PACKAGE = Path(__file__).parent
# Distribution names of imports that are spelt otherwise.
DISTRIBUTIONS = {
    "cc3d": "connected-components-3d",
    "skimage": "scikit-image",
    "zrad": "z-rad",
}
ALWAYS = ("etl.store",)  # how a table is written


def recipe(
    module: str,
    profile: Profile,
    root: Path,
    also: tuple[str, ...] = (),
    params: Mapping[str, Any] | None = None,
) -> str:
    """32 hex digits over code, libraries, naming and further files of one table.

    Args:
        module: the table's module, such as `etl.tables.masks`.
        profile: its names decide what a file is; its thresholds change no table.
        root: the project.
        also: files that the module reads beside the release, relative to the root.
        params: values of params.yaml that decide its values, by name.
    """
    sources, imports = closure((module, *ALWAYS))
    digest = hashlib.sha256()
    for name in sorted(sources):
        digest.update(f"{name}\0".encode() + _source(name).read_bytes() + b"\0")
    libraries = {name: _version(name) for name in sorted(imports)}
    facts = [libraries, profile.naming(), dict(params or {})]
    digest.update(json.dumps(facts, sort_keys=True).encode())
    for path in also:
        digest.update((root / path).read_bytes() if (root / path).is_file() else b"")
    return digest.hexdigest()[:32]


def closure(starts: tuple[str, ...]) -> tuple[set[str], set[str]]:
    """The project's modules that `starts` import, and the distributions that those import."""
    seen: set[str] = set()
    outside: set[str] = set()
    todo = list(starts)
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        for imported in _imports(name):
            if imported.split(".")[0] != "etl":
                outside.add(imported.split(".")[0])
            elif _is_module(imported):
                todo.append(imported)
    return seen, outside


@cache
def _imports(module: str) -> tuple[str, ...]:
    """The names that a module's source imports, `from a import b` as both `a` and `a.b`."""
    names: list[str] = []
    for node in ast.walk(ast.parse(_source(module).read_bytes())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return tuple(names)


def _source(module: str) -> Path:
    path = PACKAGE.joinpath(*module.split(".")[1:])
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _is_module(name: str) -> bool:
    return _source(name).is_file()


@cache
def _version(name: str) -> str | None:
    try:
        return version(DISTRIBUTIONS.get(name, name))
    except PackageNotFoundError:  # the standard library
        return None
