"""The console: a query from a page, over the connection that `ispy1 sql` has, one at a time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from decimal import Decimal
from itertools import islice
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from etl.model.errors import UserError
from etl.site.page import render_page
from etl.site.serve.files import open_site, send_page
from etl.text.output import Result, format_csv
from etl.text.values import convert_for_json, format_line
from etl.warehouse import dictionary
from etl.warehouse.limits import end_work
from etl.warehouse.query import connect_restricted, execute

if TYPE_CHECKING:
    import duckdb

MAX_ROWS = 1000  # of a table on the page
MAX_COUNTED = 1_000_000  # of the rows beyond
MAX_TEXT = 10_000  # characters of a cell on the page
MAX_CSV = 500_000_000
POLL_S = 0.02
# What an error says of options of `ispy1 sql` -> what it says on the page.
_OPTIONS = {
    "by --with NAME=FILE": "by `ispy1 sql --with NAME=FILE`",
    "raise --timeout": "start `ispy1 serve` with a larger --timeout",
    "raise --memory or --spill": "start `ispy1 serve` with a larger --memory or --spill",
}
_NUMBERS = {int, float, Decimal}


def send_console(request: Request) -> Response:
    """Send the page, with the tables and views that can be asked."""
    site = open_site(request)
    with site.connection as connection:
        relations = list(dictionary.list_all_facts(connection))
        page = render_page(site, "console", "console.html.j2", relations=relations)
    return send_page(page.content.decode(), "console", connect_src="'self'")


async def answer_query(request: Request) -> Response:
    """Answer a query of the page when its turn comes; end it when the page goes."""
    sql, form, may_wait = _read_question(await request.body())
    turn = request.app.state.turn
    if turn.locked() and not may_wait:
        return Response(status_code=202)
    try:
        async with turn:
            return await _take_turn(request, sql, form)
    except asyncio.CancelledError:  # by uvicorn, GRACE_S after Ctrl-C
        return PlainTextResponse("The server has ended.\n", 503)


async def _take_turn(request: Request, sql: str, form: str) -> Response:
    if await request.is_disconnected():
        return Response(status_code=400)
    root, limits = request.app.state.root, request.app.state.limits
    connection = await run_in_threadpool(connect_restricted, root, limits=limits)

    def ask() -> bytes:
        try:
            return _FORMS[form](execute(connection, sql, root, limits=limits))
        except UserError as error:
            raise UserError(_explain_options(str(error))) from error

    content = await _work_beside(request, connection, ask)
    return Response(content, media_type="text/csv" if form == "csv" else "application/json")


def _explain_options(sentence: str) -> str:
    for words, words_shown in _OPTIONS.items():
        sentence = sentence.replace(words, words_shown)
    return sentence


def _read_question(body: bytes) -> tuple[str, str, bool]:
    """Return the query, the form of its answer, and whether it waits for another one's end."""
    try:
        asked = json.loads(body)
        sql, form = asked["sql"], asked["form"]
    except (ValueError, KeyError, TypeError) as error:
        raise HTTPException(400) from error
    if not isinstance(sql, str) or form not in _FORMS:
        raise HTTPException(400)
    return sql, form, asked.get("wait") is not False


async def _work_beside(
    request: Request, connection: duckdb.DuckDBPyConnection, work: Callable[[], bytes]
) -> bytes:
    """Do work of a connection in a thread; end it when the page goes, or the server ends."""
    done: list[bytes] = []
    failed: list[BaseException] = []
    ended = Event()

    def try_work() -> None:
        try:
            done.append(work())
        except BaseException as error:  # noqa: BLE001  it is raised below
            failed.append(error)
        ended.set()

    Thread(target=try_work, daemon=True).start()
    try:
        while not ended.is_set() and not await request.is_disconnected():  # noqa: ASYNC110
            await asyncio.sleep(POLL_S)
    finally:
        if not ended.is_set():
            end_work(connection, ended)
    if failed:
        raise failed[0]
    return done[0] if done else b""


def format_rows(result: Result) -> bytes:
    """Return the first rows of an answer as the page shows them, and how many there are more."""
    rows = result.rows()
    shown = list(islice(rows, MAX_ROWS))
    n_hidden = sum(1 for _ in islice(rows, MAX_COUNTED))
    answer = {
        "columns": [
            {"name": name, "is_number": _are_numbers([row[i] for row in shown])}
            for i, name in enumerate(result.columns)
        ],
        "rows": [[_format_cell(value) for value in row] for row in shown],
        "hidden": f"{n_hidden:,}{' or more' * (n_hidden == MAX_COUNTED)}" if n_hidden else "",
    }
    return json.dumps(answer).encode()


def _are_numbers(values: list[Any]) -> bool:
    kinds = {type(value) for value in values} - {type(None)}
    return bool(kinds) and kinds <= _NUMBERS


def _format_cell(value: Any) -> str | None:  # noqa: ANN401  a cell is of any type
    """Return a cell as text, with its lines; None for null and what is no number."""
    if convert_for_json(value) is None:
        return None
    text = value if isinstance(value, str) else format_line(value)
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}…"


def _format_csv(result: Result) -> bytes:
    content = bytearray()
    for piece in format_csv(result.columns, result.rows()):
        content += piece.encode()
        if len(content) > MAX_CSV:
            message = "The answer is above 500 MB. `ispy1 sql QUERY --output FILE` writes it."
            raise UserError(message)
    return bytes(content)


_FORMS: dict[str, Callable[[Result], bytes]] = {"rows": format_rows, "csv": _format_csv}
