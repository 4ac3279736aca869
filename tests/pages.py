"""A site of a project, opened for its parts; and a page as its readers see it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path

from etl.model.profile import load_profile
from etl.site.build import SITE
from etl.site.page import File, Site
from etl.warehouse.connect import connect

Files = dict[str, bytes]
HOSTILE = '<img src=x onerror="alert(1)"> & \'"</script><!--'


@contextmanager
def open_site(root: Path, folder: Path | None = None) -> Iterator[Site]:
    """Open a project for its site; `folder`: what the last build left, if not in its place."""
    with connect(root) as connection:
        yield Site(root, connection, load_profile(root), folder or root / SITE)


def make_files(
    make_pages: Callable[[Site], Iterable[File]],
    root: Path,
    folder: Path | None = None,
    statements: Iterable[str] = (),
) -> Files:
    """Return the files of a part of the site, after the connection was told statements."""
    with open_site(root, folder) as site:
        for statement in statements:
            site.connection.execute(statement)
        return {file.path: file.content for file in make_pages(site)}


def keep_files(files: Files, folder: Path) -> Path:
    """Write files of the site where a build leaves them; return the folder."""
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder


class Page(HTMLParser):
    """The tags with their attributes, every id and link, and the text, in one line."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.html = content.decode()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._pieces: list[str] = []
        self.feed(self.html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._pieces.append(" " if tag in ("dd", "dt", "td", "th") else "")

    def handle_data(self, data: str) -> None:
        self._pieces.append(data)

    def find(self, tag: str, **attributes: str) -> list[dict[str, str | None]]:
        """The attributes of tags that have these among them."""
        return [a for t, a in self.tags if t == tag and attributes.items() <= a.items()]

    @property
    def text(self) -> str:
        return " ".join("".join(self._pieces).split())

    def list_values(self, attribute: str) -> list[str]:
        """The values of an attribute, in order."""
        return [value for _, named in self.tags if (value := named.get(attribute)) is not None]

    @property
    def lost_links(self) -> set[str]:
        """Links to places of this page that are not there."""
        targets = {link[1:] for link in self.list_values("href") if link.startswith("#")}
        return targets - {*self.list_values("id")}

    @property
    def repeated_ids(self) -> set[str]:
        ids = self.list_values("id")
        return {name for name in ids if ids.count(name) > 1}
