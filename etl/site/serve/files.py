"""Files that may be sent: those below a folder, and no way out of it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response

from etl.model.profile import load_profile
from etl.site.build import SITE
from etl.site.page import Site, render_page
from etl.site.serve.guard import make_policy
from etl.versions.dvc import find_cache
from etl.warehouse.connect import connect

SERVED = "<!-- served -->"  # of base.html.j2: where the links to what needs a server go
_CASE = re.compile(r"cases/(?!index\.)([^/]+)\.html")
_N_NEAR = 5  # names that are offered in the place of a wrong one


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


def open_site(request: Request) -> Site:
    """Return the site that is served, with a connection for whoever asks to close."""
    root: Path = request.app.state.root
    return Site(root, connect(root), load_profile(root), root / SITE)


def send_below(folder: Path, request: Request) -> Response:
    """Send a file of a folder of ours."""
    file = find_file(folder, request.path_params["path"])
    if file is None:
        raise HTTPException(404)
    return FileResponse(file)


def send_site(request: Request) -> Response:
    """Send a file of the site; a page with links to viewer and console."""
    root, path = request.app.state.root, request.path_params["path"]
    path += "index.html" if not path or path.endswith("/") else ""
    folder = root / SITE
    file = find_file(folder, path, find_cache(root))
    if file is None and (case := _CASE.fullmatch(path)):
        names = sorted({page.stem for page in folder.glob("cases/*.html")} - {"index"})
        sentence = "This site has no page of"
        return send_absence(open_site(request), "cases/{}.html", sentence, case[1], names)
    if file is None:
        raise HTTPException(404)
    if not path.endswith(".html"):
        return FileResponse(file)
    return send_page(file.read_text(encoding="utf-8"), path, style_src="'self' 'unsafe-inline'")


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


def send_absence(
    site: Site, address: str, sentence: str, case_id: str, case_ids: Iterable[str]
) -> Response:
    """Return a page that says that a case has none, with links to those of similar names.

    Args:
        site: what it is a page of.
        address: of the page of a case, with `{}` in the place of the case.
        sentence: all but its last word, the case.
        case_id: the one that was asked for.
        case_ids: those that there are.
    """
    near = get_close_matches(case_id, case_ids, _N_NEAR)
    addresses = {name: f"/{address.format(quote(name))}" for name in near}
    values = {"sentence": sentence, "case_id": case_id, "addresses": addresses}
    with site.connection:
        page = render_page(site, address.partition("?")[0], "absent.html.j2", **values)
    response = send_page(page.content.decode(), "")
    response.status_code = 404
    return response
