"""The first page: what the release is, its counts, tables and plots."""

from __future__ import annotations

from collections.abc import Iterator

from etl.site.page import File, Site, render_page
from etl.warehouse.connect import fetch_rows


def make_pages(site: Site) -> Iterator[File]:
    """Yield the page of the release."""
    labels = fetch_rows(site.connection.execute("from label_summary"))
    yield render_page(site, "index.html", "card.html.j2", labels=labels)
