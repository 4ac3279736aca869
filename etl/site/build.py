"""reports/site: made from tables, verdict and blobs. The same inputs give the same bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from etl.model.profile import load_profile
from etl.model.store import require_tables, write_atomically
from etl.site import card, cases, changes, dictionary, gate, lineage
from etl.site.page import STATIC, File, Site

SITE = "reports/site"
# Every part of the site makes its pages, and the files that they show.
MAKERS: tuple[Callable[[Site], Iterator[File]], ...] = (
    card.make_pages,
    cases.make_pages,
    gate.make_pages,
    changes.make_pages,
    lineage.make_pages,
    dictionary.make_pages,
)


def write_site(root: Path, advance: Callable[[int, int], None]) -> Path:
    """Write reports/site of the project at `root`; return its first page.

    A file with the same bytes is left as it is; one that no page needs any more is removed.

    Args:
        root: the project.
        advance: told how many parts are done, and within one that takes long, how many pages.

    Raises:
        UserError: no table is built yet, or the disk refuses.
    """
    from etl.warehouse.connect import connect, hide_python_objects

    require_tables(root)
    folder = root / SITE
    paths = {_write_file(folder, file) for file in _list_static()}
    with connect(root) as connection:
        hide_python_objects(connection)
        site = Site(root, connection, load_profile(root), folder, advance)
        for n_done, make_pages in enumerate(MAKERS, start=1):
            paths |= {_write_file(folder, file) for file in make_pages(site)}
            advance(n_done, len(MAKERS))
    for path in folder.rglob("*"):
        if path.is_file() and path not in paths:
            path.unlink()
    return folder / "index.html"


def _list_static() -> Iterator[File]:
    for path in sorted(STATIC.iterdir()):
        yield File(f"static/{path.name}", path.read_bytes())


def _write_file(folder: Path, file: File) -> Path:
    path = folder / file.path
    if not path.is_file() or path.read_bytes() != file.content:
        write_atomically(path, lambda target: target.write_bytes(file.content))
    return path
