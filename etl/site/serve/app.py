"""What is at which address."""

from __future__ import annotations

from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from etl.site.build import SITE
from etl.site.serve.files import send_below, send_site
from etl.site.serve.guard import guard, list_hosts

STATIC = Path(__file__).parent / "static"
_SENTENCES = {404: "Nothing is at this address.", 405: "This server only reads."}


def make_app(root: Path, port: int) -> ASGIApp:
    """Return the server's app for the project at `root`, listening on `port`."""
    routes = [
        Route("/served/{path:path}", send_below(STATIC)),
        Route("/{path:path}", send_site(root, root / SITE)),
    ]
    handlers = dict.fromkeys((HTTPException, Exception), _tell_error)
    app = Starlette(routes=routes, exception_handlers=handlers)
    return guard(app, list_hosts(port))


def _tell_error(_request: Request, error: Exception) -> Response:
    """Return one sentence, whatever went wrong."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    sentence = _SENTENCES.get(status, "This went wrong in the server, not on your side.")
    return PlainTextResponse(f"{sentence}\n", status)
