"""A server between a client and its S3: it counts what it hands over, can refuse and be silent."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

LOOPBACK = "127.0.0.1"
# Of one connection alone, or set by the server itself.
_NOT_CARRIED = {"connection", "transfer-encoding", "content-length", "server", "date"}


class Traffic:
    """What went through: the requests, and the bytes of answers by path."""

    def __init__(self, endpoint: str) -> None:
        """Begin at nothing."""
        self.target = urlsplit(endpoint).netloc
        self.endpoint = ""
        self.requests: list[str] = []
        self.sent: Counter[str] = Counter()
        self.refuses = False
        self.answers = threading.Event()
        self.answers.set()

    def clear(self) -> None:
        """Begin at nothing again."""
        self.requests.clear()
        self.sent.clear()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    traffic: Traffic

    def _carry(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.traffic.answers.wait()
        if self.traffic.refuses:
            self.send_error(403)
            return
        upstream = HTTPConnection(self.traffic.target)
        upstream.request(self.command, self.path, body, dict(self.headers))
        answer = upstream.getresponse()
        content = answer.read()
        length = answer.getheader("Content-Length") if self.command == "HEAD" else len(content)
        asked = f"{self.command} {self.path} {self.headers.get('Range', '')}"
        self.traffic.requests.append(asked.strip())
        self.traffic.sent[self.path] += len(content)
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in _NOT_CARRIED:
                self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _carry  # noqa: N815  http.server's names

    def log_message(self, *_words: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_words: object) -> None:
        """A client that went away is no error."""


@contextmanager
def count_traffic(endpoint: str) -> Iterator[Traffic]:
    """Serve what another server serves until the block ends, and count it."""
    traffic = Traffic(endpoint)
    handler = type("Handler", (_Handler,), {"traffic": traffic})
    with _Server((LOOPBACK, 0), handler) as server:
        traffic.endpoint = f"http://{LOOPBACK}:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield traffic
        finally:
            traffic.answers.set()
            server.shutdown()
