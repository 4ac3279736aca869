"""The server of the site: who is answered, with what, and how it ends."""

from __future__ import annotations

import http.client
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest

from etl.model.errors import UserError
from etl.site.build import SITE, write_site
from etl.site.serve.files import find_file
from etl.site.serve.run import LOOPBACK, make_server, open_listener, serve_site

Answer = tuple[int, dict[str, str], bytes]


@pytest.fixture(scope="module")
def root(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of `built` with its site, and what a link and a file outside of it might show."""
    root = Path(shutil.copytree(built, tmp_path_factory.mktemp("served") / "project"))
    folder = write_site(root, lambda _done, _total: None).parent
    (folder / "cases").mkdir(exist_ok=True)
    (folder / "cases/ISPY1_9001.html").write_text("<p>é</p>\n<nav><!-- served --></nav>")
    (folder / "out.yaml").symlink_to(root / "params.yaml")
    (folder / "out").symlink_to(root / "data")
    return root


@contextmanager
def run_server(root: Path) -> Iterator[int]:
    """Serve a project in a thread; yield the port."""
    with open_listener(0) as listener:
        server = make_server(root, listener)
        thread = Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture(scope="module")
def port(root: Path) -> Iterator[int]:
    with run_server(root) as port:
        yield port


def ask(port: int, path: str, method: str = "GET", body: str = "", **headers: str) -> Answer:
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=60)
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body or None, names)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, content


def test_pages_get_links_to_what_needs_a_server(port: int, root: Path) -> None:
    status, headers, page = ask(port, "/")
    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert b'<a href="/viewer">' in page
    assert b'<a href="/console">' in page
    assert b"<!-- served -->" in (root / SITE / "index.html").read_bytes()
    case = ask(port, "/cases/ISPY1_9001.html")[2].decode()
    assert "<p>é</p>" in case
    assert '<a href="/viewer?case=ISPY1_9001">' in case


def test_every_answer_says_what_a_browser_may_do_with_it(port: int) -> None:
    for path in ("/", "/static/site.css", "/nowhere"):
        _, headers, _ = ask(port, path)
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-cache"
        policy = dict(rule.split(" ", 1) for rule in headers["content-security-policy"].split("; "))
        assert policy["default-src"] == policy["frame-ancestors"] == "'none'"
        assert policy["script-src"] == "'self'"


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{}", "127.0.0.1:1", "127.0.0.1", ""]
)
def test_a_name_of_another_host_gets_no_answer(port: int, host: str) -> None:
    assert ask(port, "/", Host=host.format(port))[0] == 421


def test_the_names_of_this_machine_do(port: int) -> None:
    for name in (LOOPBACK, "localhost", "LocalHost"):
        assert ask(port, "/", Host=f"{name}:{port}")[0] == 200


@pytest.mark.parametrize(
    "path",
    [
        "/../params.yaml", "/..%2f..%2fparams.yaml", "/%2e%2e/%2e%2e/params.yaml",
        "//etc/passwd", "/%2fetc/passwd", "/static/..%5c..%5cparams.yaml", "/static/%00",
        "/out.yaml", "/out/adopted.csv", "/static", "/static/", "/cases", "/served/", "/served",
        "/served/..%2fapp.py",
    ],
)  # fmt: skip
def test_nothing_else_is_there(port: int, path: str) -> None:
    status, _, content = ask(port, path)
    assert (status, content) == (404, b"Nothing is at this address.\n")


def test_a_link_into_the_cache_of_dvc_is_the_file(tmp_path: Path) -> None:
    site, cache = tmp_path / "site", tmp_path / "cache"
    for folder in (site, cache):
        folder.mkdir()
    (cache / "abc").write_text("page")
    (site / "index.html").symlink_to(cache / "abc")
    assert find_file(site, "index.html", cache) == site / "index.html"
    assert find_file(site, "index.html") is None


def test_it_only_reads(port: int) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        assert ask(port, "/", method, Content_Type="application/json")[0] == 405
    status, headers, content = ask(port, "/static/site.css", "HEAD")
    assert (status, content) == (200, b"")
    assert int(headers["content-length"]) > 0


def test_a_range_of_a_file(port: int, root: Path) -> None:
    whole = (root / SITE / "static/site.css").read_bytes()
    status, headers, content = ask(port, "/static/site.css", Range="bytes=5-9")
    assert (status, content) == (206, whole[5:10])
    assert headers["content-range"] == f"bytes 5-9/{len(whole)}"
    assert ask(port, "/static/site.css", Range=f"bytes={len(whole)}-")[0] == 416


def test_what_is_missing_is_said(tmp_path: Path, root: Path, port: int) -> None:
    with pytest.raises(UserError, match=r"no site is made yet. Run `ispy1 site`"):
        serve_site(tmp_path, 0, print)
    with pytest.raises(UserError, match=f"--port {port}: cannot be used"):
        serve_site(root, port, print)


def test_ctrl_c_ends_it(root: Path) -> None:
    command = [str(Path(sys.executable).with_name("ispy1")), "serve"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=root, text=True, stdout=pipe, stderr=pipe) as process:
        assert process.stdout
        address = process.stdout.readline().split()[0]
        port = int(address.rstrip("/").rpartition(":")[2])
        assert ask(port, "/")[0] == 200
        process.send_signal(signal.SIGINT)
        rest = process.communicate(timeout=60)
    assert (process.returncode, rest) == (0, ("", ""))
