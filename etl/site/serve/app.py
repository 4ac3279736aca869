"""What is at which address."""

from __future__ import annotations

from asyncio import Lock
from functools import partial
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from etl.model.errors import UserError
from etl.site.serve.console import answer_query, send_console
from etl.site.serve.files import send_below, send_site
from etl.site.serve.guard import guard, list_hosts
from etl.site.serve.vendor import VENDOR
from etl.site.serve.viewer import send_blob, send_viewer
from etl.warehouse.limits import Limits

STATIC = Path(__file__).parent / "static"
MAX_QUERY = 1_000_000  # bytes of the text of a query
_SENTENCES = {
    400: "This is no query as the console sends it.",
    404: "Nothing is at this address.",
    405: "This server only reads.",
    413: "The query is too long.",
}


def make_app(root: Path, port: int, limits: Limits) -> ASGIApp:
    """Return the server's app for the project at `root`, listening on `port`."""
    body = Middleware(RequestBodyLimitMiddleware, max_body_size=MAX_QUERY)
    routes = [
        Route("/console", send_console),
        Route("/query", answer_query, methods=["POST"], middleware=[body]),
        Route("/viewer", send_viewer),
        Route("/blob/{path:path}", send_blob),
        Route("/vendor/{path:path}", partial(send_below, VENDOR)),
        Route("/served/{path:path}", partial(send_below, STATIC)),
        Route("/{path:path}", send_site),
    ]
    handlers = dict.fromkeys((HTTPException, UserError, Exception), _tell_error)
    app = Starlette(routes=routes, exception_handlers=handlers)
    app.state.root, app.state.limits, app.state.turn = root, limits, Lock()
    return guard(app, list_hosts(port))


def _tell_error(_request: Request, error: Exception) -> Response:
    """Return one sentence, whatever went wrong."""
    if isinstance(error, UserError):
        return PlainTextResponse(f"{error}\n", 400)
    status = error.status_code if isinstance(error, HTTPException) else 500
    sentence = _SENTENCES.get(status, "This went wrong in the server, not on your side.")
    return PlainTextResponse(f"{sentence}\n", status)
