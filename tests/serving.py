"""A server of the site in a thread, and what it answers."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

from etl.site.serve.run import LOOPBACK, make_server, open_listener
from etl.warehouse.limits import Limits

LIMITS = Limits(memory="200MB", spill="10MB")
Answer = tuple[int, dict[str, str], bytes]


@contextmanager
def run_server(root: Path, limits: Limits = LIMITS) -> Iterator[int]:
    """Serve a project in a thread; yield the port."""
    with open_listener(0) as listener:
        server = make_server(root, listener, limits)
        thread = Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()


def ask(port: int, path: str, method: str = "GET", body: str = "", **headers: str) -> Answer:
    """Return status, headers and content of an answer."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=60)
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body or None, names)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, content
