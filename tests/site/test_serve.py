"""The server of the site: who is answered, with what, and how it ends."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
from html import escape
from pathlib import Path
from typing import Any

import pytest
from serving import LIMITS, ask, run_server

from etl.model.errors import UserError
from etl.site.build import SITE
from etl.site.serve.files import SERVED, find_file
from etl.site.serve.run import LOOPBACK, serve_site
from etl.warehouse.connect import connect
from etl.warehouse.dictionary import list_relations
from etl.warehouse.limits import Limits


def test_pages_get_links_to_what_needs_a_server(port: int, root: Path) -> None:
    status, headers, page = ask(port, "/")
    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert b'<a href="/viewer">' in page
    assert b'<a href="/console">' in page
    assert SERVED in (root / SITE / "index.html").read_text(encoding="utf-8")
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
        "/served/..%2fapp.py", f"/{'a' * 5000}",
    ],
)  # fmt: skip
def test_nothing_else_is_there(port: int, path: str) -> None:
    status, _, content = ask(port, path)
    assert (status, content) == (404, b"Nothing is at this address.\n")


def test_a_page_of_no_case_leads_to_those_like_it(port: int) -> None:
    status, _, page = ask(port, "/cases/ISPY1_9992.html")
    assert (status, page.count(b"This site has no page of ISPY1_9992.")) == (404, 1)
    for link in (
        b'<a href="/cases/ISPY1_9001.html">', b'<a href="../gate.html">', b'<a href="/viewer">'
    ):  # fmt: skip
        assert link in page


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
        serve_site(tmp_path, 0, LIMITS, print)
    with pytest.raises(UserError, match=f"--port {port}: cannot be used"):
        serve_site(root, port, LIMITS, print)


def query(port: int, sql: str, form: str = "rows", **headers: str) -> tuple[int, Any]:
    """Give a query as the console does; return status, and what the answer's JSON or text says."""
    headers = {"Content_Type": "application/json"} | headers
    body = json.dumps({"sql": sql, "form": form})
    status, answered, content = ask(port, "/query", "POST", body, **headers)
    is_json = answered.get("content-type") == "application/json"
    return status, json.loads(content) if is_json else content.decode()


ROWS = "select * from (values (1, null, '<b>', true), (2, 0.5, 'x\n', false)) as t(a, b, c, d)"


def test_the_console_answers(port: int) -> None:
    status, answer = query(port, "from label_summary")
    assert (status, answer["hidden"]) == (200, "")
    assert [row[0] for row in answer["rows"]] == ["ftv", "stv_manual", "stv_resunet"]
    answer = query(port, ROWS)[1]
    assert [column["is_number"] for column in answer["columns"]] == [True, True, False, False]
    assert answer["rows"] == [["1", None, "<b>", "true"], ["2", "0.5", "x\n", "false"]]
    assert query(port, ROWS, "csv") == (200, 'a,b,c,d\n1,,<b>,true\n2,0.5,"x\n",false\n')
    answer = query(port, "from range(2500)")[1]
    assert (len(answer["rows"]), answer["hidden"]) == (1000, "1,500")


def test_the_console_page_lists_what_can_be_asked(port: int, root: Path) -> None:
    status, headers, page = ask(port, "/console")
    with connect(root) as connection:
        names = [relation.sql_name for relation in list_relations(connection)]
    assert status == 200
    assert not [name for name in names if f"<code>{escape(name)}</code>" not in page.decode()]
    assert b'<a href="/console" aria-current=page>' in page
    assert "connect-src 'self'" in headers["content-security-policy"]
    assert b"http-equiv" not in page  # as its own policy is in the header


@pytest.mark.parametrize(
    ("sql", "sentence"),
    [
        ("selec", "Query, line 1, column 1: syntax error"),
        ("drop table masks", "DROP is not allowed: the warehouse is read-only"),
        ("from read_csv('/etc/passwd')", "by `ispy1 sql --with NAME=FILE`."),
        ("from '/etc/passwd'", "cannot be reached"),
        (
            "select list(range) from range(100000000)",
            "`ispy1 serve` with a larger --memory or --spill.",
        ),
    ],
)
def test_the_console_has_limits(port: int, sql: str, sentence: str) -> None:
    status, answer = query(port, sql)
    assert status == 400
    assert sentence in answer


def test_only_its_own_page_may_ask(port: int) -> None:
    own = f"http://127.0.0.1:{port}"
    assert query(port, "select 1", Origin=own, Sec_Fetch_Site="same-origin")[0] == 200
    for headers in (
        {"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": own[:-1]},
        {"Sec_Fetch_Site": "same-site"}, {"Content_Type": "text/plain"},
    ):  # fmt: skip
        assert query(port, "select 1", **headers)[0] == 403
    assert query(port, " " * 2_000_000)[0] == 413
    for body in (
        "",
        "[]",
        "{}",
        '{"sql": 1, "form": "rows"}',
        '{"sql": "from masks", "form": "x"}',
    ):
        assert ask(port, "/query", "POST", body, Content_Type="application/json")[0] == 400


ENDLESS = json.dumps(
    {"sql": "select count(*) from range(10000000000), range(1000)", "form": "rows"}
)


def test_a_query_has_its_time(root: Path) -> None:
    with run_server(root, Limits(seconds=0.1)) as port:
        status, answer = query(port, json.loads(ENDLESS)["sql"])
    assert (status, answer) == (
        400,
        "Query: not done in 0.1 s. Ask for less, or start `ispy1 serve` with a larger --timeout.\n",
    )


def test_a_query_ends_with_the_page_that_asked(root: Path) -> None:
    """The next one waits for its turn, unless it asks not to: so a page can say why."""
    with run_server(root, Limits(seconds=3600)) as port:
        gone = http.client.HTTPConnection(LOOPBACK, port)
        gone.request("POST", "/query", ENDLESS, {"Content-Type": "application/json"})
        hasty = json.dumps({"sql": "select 1", "form": "rows", "wait": False})
        while ask(port, "/query", "POST", hasty, Content_Type="application/json")[0] != 202:
            pass
        gone.close()
        assert query(port, "select 1 as one")[0] == 200


def test_ctrl_c_ends_it_and_what_is_asked(root: Path) -> None:
    command = [str(Path(sys.executable).with_name("ispy1")), "serve", "--timeout", "3600"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=root, text=True, stdout=pipe, stderr=pipe) as process:
        assert process.stdout
        port = int(process.stdout.readline().split()[0].rstrip("/").rpartition(":")[2])
        asking = http.client.HTTPConnection(LOOPBACK, port)
        asking.request("POST", "/query", ENDLESS, {"Content-Type": "application/json"})
        assert ask(port, "/")[0] == 200
        process.send_signal(signal.SIGINT)
        answer = asking.getresponse()
        assert (answer.status, answer.read()) == (503, b"The server has ended.\n")
        rest = process.communicate(timeout=60)
        asking.close()
    assert (process.returncode, rest) == (0, ("", ""))
