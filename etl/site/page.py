"""A page: a template, filled. What a file, a cell or a finding says stays text."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from etl.ask.card.picture import hash_inputs
from etl.text.markdown import NONE
from etl.text.values import format_bytes

if TYPE_CHECKING:
    import duckdb

    from etl.model.profile import Profile

HERE = Path(__file__).parent
STATIC = HERE / "static"
TEMPLATES = HERE / "templates"
SEAL_BYTES = len(f"<!-- {hash_inputs()} -->\n")
# The parts of the site, as every page lists them: path and what it is called.
SECTIONS = {
    "index.html": "Release",
    "cases/index.html": "Cases",
    "gate.html": "Gate",
    "changes.html": "Changes",
    "lineage.html": "Lineage",
    "dictionary.html": "Dictionary",
}


@dataclass(frozen=True, slots=True)
class File:
    """A file of the site: its path below reports/site, with `/`, and its bytes."""

    path: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Site:
    """What pages are made of."""

    root: Path
    connection: duckdb.DuckDBPyConnection
    profile: Profile
    folder: Path  # reports/site as the last build left it
    # Told how many of how many pages are done, by a part that takes long.
    advance: Callable[[int, int], None] = lambda _done, _total: None


def render_page(site: Site, path: str, template: str, **values: Any) -> File:  # noqa: ANN401
    """Return the page at `path`: templates/`template` filled with `values`."""
    up = "../" * path.count("/")
    html = (
        _load_environment()
        .get_template(template)
        .render(
            values,
            page=path,
            sections=SECTIONS,
            dataset=site.profile.dataset,
            is_phantom=site.profile.is_phantom,
            link=lambda target: up + quote(target, safe="/#?=&"),
        )
    )
    return File(path, html.encode())


def renew_page(site: Site, path: str, template: str, recipe: str, **values: Any) -> File:  # noqa: ANN401
    """Return the page at `path`: as the last build left it, where it is made of the same.

    Args:
        site: what pages are made of.
        path: below reports/site.
        template: its name.
        recipe: a hash of the code and templates that decide the page.
        values: what the template is filled with; a function counts by its name.
    """
    named = {name: getattr(value, "__name__", value) for name, value in values.items()}
    made_of = hash_inputs(recipe, template, named)
    kept = site.folder / path
    content = kept.read_bytes() if kept.is_file() else b""
    if content == _seal(content[:-SEAL_BYTES], made_of):
        return File(path, content)
    return File(path, _seal(render_page(site, path, template, **values).content, made_of))


def _seal(page: bytes, made_of: str) -> bytes:
    """Return a page with a line that says what it is made of, and that nobody changed it."""
    return page + f"<!-- {hash_inputs(made_of, page)} -->\n".encode()


@cache
def _load_environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": format_number, "bytes": format_bytes}
    return environment


def format_number(value: Any, form: str = ",.2f") -> str:  # noqa: ANN401  a cell is of any type
    """Return a number in a format of Python; a dash for null and what is not finite."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return NONE
    return format(value, form)
