"""The server itself: it listens on this machine alone, until Ctrl-C."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import uvicorn

from etl.model.errors import UserError
from etl.site.build import SITE
from etl.site.serve.app import make_app
from etl.warehouse.limits import Limits

LOOPBACK = "127.0.0.1"
GRACE_S = 1  # for answers that are under way when the server ends


def serve_site(root: Path, port: int, limits: Limits, announce: Callable[[str], None]) -> None:
    """Serve the site of the project at `root` until Ctrl-C.

    Args:
        root: the project.
        port: where to listen; 0: a free one.
        limits: of a query of the console.
        announce: told the address once the server listens.

    Raises:
        UserError: no site is made yet, or the port is taken.
    """
    if not (root / SITE / "index.html").is_file():
        message = f"{root / SITE}: no site is made yet. Run `ispy1 site`."
        raise UserError(message)
    with closing(open_listener(port)) as listener, suppress(KeyboardInterrupt):
        server = make_server(root, listener, limits)
        announce(f"http://{LOOPBACK}:{listener.getsockname()[1]}/")
        server.run(sockets=[listener])


def open_listener(port: int) -> socket.socket:
    """Return a socket that listens on the loopback device.

    Raises:
        UserError: the port is taken, or is not for this user.
    """
    try:
        return socket.create_server((LOOPBACK, port))
    except OSError as error:
        message = f"--port {port}: cannot be used ({error.strerror}). Name another, or none."
        raise UserError(message) from error


def make_server(root: Path, listener: socket.socket, limits: Limits) -> uvicorn.Server:
    """Return a server of the site for a socket that listens; run(sockets=[...]) runs it."""
    config = uvicorn.Config(
        make_app(root, listener.getsockname()[1], limits),
        loop="asyncio",
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="error" if os.environ.get("ISPY1_DEBUG") else "critical",
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
    )
    return uvicorn.Server(config)
