"""Files that may be sent: those below a folder, and no way out of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response

from etl.site.serve.guard import make_policy
from etl.versions.dvc import find_cache

Endpoint = Callable[[Request], Response]

SERVED = "<!-- served -->"  # of base.html.j2: where the links to what needs a server go
_CASE = re.compile(r"cases/(?!index\.)([^/]+)\.html")


def find_file(folder: Path, path: str, cache: Path | None = None) -> Path | None:
    """Return the file at a path below a folder; None where there is none, or it lies elsewhere.

    Args:
        folder: where it must lie.
        path: with `/`, as a client says it.
        cache: DVC's: by `cache.type symlink` files are links into it.
    """
    parts = path.split("/")
    if {"", ".", ".."} & {*parts} or "\\" in path:
        return None
    file = folder.joinpath(*parts)
    homes = [home.resolve() for home in (folder, cache) if home]
    try:
        real = file.resolve()
        return file if any(map(real.is_relative_to, homes)) and real.is_file() else None
    except (OSError, ValueError):  # a name that no file can have
        return None


def send_below(folder: Path) -> Endpoint:
    """Return what sends the files of a folder of ours."""

    def send(request: Request) -> Response:
        file = find_file(folder, request.path_params["path"])
        if file is None:
            raise HTTPException(404)
        return FileResponse(file)

    return send


def send_site(root: Path, folder: Path) -> Endpoint:
    """Return what sends the site: its pages with links to viewer and console."""

    def send(request: Request) -> Response:
        path = request.path_params["path"]
        path += "index.html" if not path or path.endswith("/") else ""
        file = find_file(folder, path, find_cache(root))
        if file is None:
            raise HTTPException(404)
        if not path.endswith(".html"):
            return FileResponse(file)
        return send_page(file.read_text(encoding="utf-8"), path, style_src="'self' 'unsafe-inline'")

    return send


def send_page(html: str, path: str, **policy: str) -> Response:
    """Return a page with links to what needs a server, and what it may load beyond the usual."""
    case = _CASE.fullmatch(path)
    viewer = ("viewer", f"?case={quote(case[1])}", "View this case") if case else None
    links = (viewer or ("viewer", "", "Viewer"), ("console", "", "Console"))
    items = "".join(
        f'<li><a href="/{page}{query}"{" aria-current=page" * (page == path)}>{name}</a></li>'
        for page, query, name in links
    )
    headers = {"content-security-policy": make_policy(**policy)}
    return HTMLResponse(html.replace(SERVED, items), headers=headers)
