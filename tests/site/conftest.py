"""A served project of two cases, for the tests of the server and of the viewer."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from serving import run_server

from etl.site.build import SITE
from etl.site.page import STATIC
from etl.site.serve.files import SERVED


@pytest.fixture(scope="module")
def root(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of `built` with a site of two pages, and links that lead out of it."""
    root = Path(shutil.copytree(built, tmp_path_factory.mktemp("served") / "project"))
    folder = root / SITE
    for path in ("index.html", "cases/ISPY1_9001.html"):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(f"<p>é</p>\n<nav>{SERVED}</nav>", encoding="utf-8")
    (folder / "static").mkdir()
    shutil.copy2(STATIC / "site.css", folder / "static")
    (folder / "out.yaml").symlink_to(root / "params.yaml")
    (folder / "out").symlink_to(root / "data")
    return root


@pytest.fixture(scope="module")
def port(root: Path) -> Iterator[int]:
    with run_server(root) as port:
        yield port
