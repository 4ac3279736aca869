"""Commands that ask: sql, describe, report; and split, a stage."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from etl.cli.answer import JsonOption, echo_json, warn_if_stale
from etl.cli.complete import complete_relations, complete_reports, complete_tags, complete_versions
from etl.cli.progress import progress_bar
from etl.model import project
from etl.model.errors import UserError
from etl.warehouse.limits import MEMORY, SECONDS, SPILL_GB, Limits

if TYPE_CHECKING:
    from etl.text.answer_format import Format
    from etl.text.output import View
    from etl.warehouse.dictionary import ColumnFact, Relation

_OPTION = re.compile(r"--([A-Za-z][\w-]*(=.*)?)?", re.DOTALL)
FormatOption = Annotated[
    str | None,
    typer.Option(
        "--format", "-f",
        help="table, csv, json, parquet or markdown. Default: by the suffix of --output.",
    ),
]  # fmt: skip
OutputOption = Annotated[
    Path | None, typer.Option("--output", "-o", help="Write to this file.", dir_okay=False)
]
RevOption = Annotated[
    str | None,
    typer.Option(
        "--rev",
        help="A git revision: v1.0, main, HEAD~2. Default: today.",
        autocompletion=complete_tags,
    ),
]
RemoteOption = Annotated[
    bool,
    typer.Option("--remote", help="Read tables of versions in the DVC remote; pull nothing."),
]
QueryArgument = Annotated[
    str | None, typer.Argument(help="The query, a .sql file, or - for standard input.")
]
OwnOption = Annotated[
    list[str] | None,
    typer.Option("--with", metavar="NAME=FILE", help="Join a csv, parquet or xlsx file."),
]
AttachOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=REV",
        help="Put a version beside this one, as NAME.masks.",
        autocompletion=complete_versions,
    ),
]
ColumnsOption = Annotated[
    str | None,
    typer.Option(
        "--columns",
        metavar="A,B*",
        help="Of a table on the terminal: these columns, such as 'n_*,path', or all, in pages.",
    ),
]
LimitOption = Annotated[
    int | None, typer.Option("--limit", min=1, help="Of a table on the terminal: so many rows.")
]
AllOption = Annotated[bool, typer.Option("--all", help="On a terminal, too, whole texts.")]
TimeoutOption = Annotated[
    int, typer.Option(metavar="SECONDS", min=1, help="So long may the database work.")
]
MemoryOption = Annotated[
    str, typer.Option(metavar="SIZE", help="Such as 4GB, or a share of this computer's.")
]
SpillOption = Annotated[
    str | None,
    typer.Option(
        metavar="SIZE",
        show_default=f"{SPILL_GB}GB, at most half of the free disk",
        help="What the query may write under .dvc/tmp where memory does not suffice.",
    ),
]


class QueryCommand(TyperCommand):
    """A command whose query may begin with a comment, which looks like an option."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401  typer's own
        """Put a blank before such a query: only the comment moves, the error places stay right."""
        return super().parse_args(ctx, [_shield_comment(word) for word in args])


def _shield_comment(word: str) -> str:
    return f" {word}" if word.startswith("--") and not _OPTION.fullmatch(word) else word


def register(app: typer.Typer) -> None:
    """Add the commands of this topic."""
    app.command(cls=QueryCommand)(sql)
    for command in (describe, report):
        app.command()(command)
    app.command(rich_help_panel="Stages of the pipeline")(split)


def sql(  # noqa: PLR0913  typer makes an option of each
    query: QueryArgument = None,
    *,
    form: FormatOption = None,
    output: OutputOption = None,
    own: OwnOption = None,
    rev: RevOption = None,
    attach: AttachOption = None,
    timeout: TimeoutOption = SECONDS,
    memory: MemoryOption = MEMORY,
    spill: SpillOption = None,
    remote: RemoteOption = False,
    columns: ColumnsOption = None,
    limit: LimitOption = None,
) -> None:
    """Ask the warehouse one question in SQL. It only reads, and can reach no file and no network.

    Any version can be asked: `--rev` opens one as it was, `--attach` puts one beside. A terminal
    shows the rows and columns that it has room for, keys and numbers first; `--format csv` has all.

    Examples:
    - `ispy1 sql "select mask, count(*) from masks group by mask"`
    - `ispy1 sql "from masks" --columns 'case_id,mask,*_cm3' --limit 500`
    - `ispy1 sql question.sql --output answer.csv`
    - `echo "from cohort" | ispy1 sql`
    - `ispy1 sql "from cohort join mine using (case_id)" --with mine=my.xlsx`
    - `ispy1 sql "from label_summary" --rev v1.0`
    - `ispy1 sql "from masks where case_id = 'ISPY1_9001'" --rev v1.0 --remote`
    - `ispy1 sql --attach old=v1.0 "from masks anti join old.masks using (path)"`
    """
    from etl.ask.diff.views import add_views
    from etl.text.answer_format import choose_format
    from etl.text.output import write
    from etl.warehouse.query import run

    chosen = choose_format(form, output)
    view = _make_view(chosen, columns, limit)
    tables = {name: Path(path) for name, path in _parse_pairs("--with", "FILE", own).items()}
    questions = [Path(query)] if query and query.endswith(".sql") else []
    if output:
        project.refuse_inputs(project.find_root(), output, [*tables.values(), *questions])
    versions = _parse_pairs("--attach", "REV", attach)
    if rev is None:
        warn_if_stale()
    limits = Limits(timeout, memory, spill)
    text = _load_query(query)
    # The views of differences cost half a second.
    prepare = add_views if "old" in versions and "diff." in text else None
    with progress_bar("query"):
        answer = run(
            text, rev=rev, attach=versions, tables=tables,
            limits=limits, remote=remote, prepare=prepare,
        )  # fmt: skip
    write(answer, chosen, output, view)


def describe(
    table: Annotated[
        str | None,
        typer.Argument(
            help="A table, view or macro, such as masks.", autocompletion=complete_relations
        ),
    ] = None,
    *,
    as_json: JsonOption = False,
    rev: RevOption = None,
    remote: RemoteOption = False,
    whole: AllOption = False,
) -> None:
    """Say what the tables, views and macros hold: grain, key, columns, types, units, meaning.

    Examples:
    - `ispy1 describe`
    - `ispy1 describe masks`
    - `ispy1 describe modelling --json`
    - `ispy1 describe enhancing_volume`
    - `ispy1 describe masks --rev v1.0`
    """
    from etl.warehouse import dictionary
    from etl.warehouse.connect import connect

    root = project.find_root()
    connection = connect(root, rev=rev, remote=remote)
    if table is None:
        _list_relations(dictionary.list_relations(connection), as_json=as_json, whole=whole)
        return
    relation = dictionary.find(connection, table, root, rev)
    if as_json:
        echo_json(dictionary.as_json(connection, relation))
        return
    _show_relation(relation, dictionary.list_facts(connection, relation), whole=whole)


def _list_relations(relations: Sequence[Relation], *, as_json: bool, whole: bool) -> None:
    from etl.text.output import find_width, print_list

    if as_json:
        echo_json([asdict(relation) for relation in relations])
        return
    names = ["name", "kind", "what one row is", "key"]
    rows = [[r.sql_name, r.kind, r.grain, r.key] for r in relations]
    if find_width() is not None and not whole:
        names = ["name", "kind", "one row"]
        rows = [[r.sql_name, r.kind, r.grain.removeprefix("One row ")] for r in relations]
    print_list(names, rows, command="ispy1 describe --all", whole=whole)


def _show_relation(relation: Relation, facts: Sequence[ColumnFact], *, whole: bool) -> None:
    from etl.text.output import find_width, print_list
    from etl.text.values import wrap_line

    head = f"{relation.sql_name} ({relation.kind}). {relation.purpose}".strip()
    for line in (head, f"Grain: {relation.grain}", f"Key: {relation.key or 'none'}"):
        typer.echo(wrap_line(line, find_width()))
    names = ["column", "type", "unit", "meaning"]
    rows = [[c.name, c.type, c.unit, c.meaning] for c in facts]
    if find_width() is not None and not whole:
        names = ["column", "unit or type", "meaning"]
        rows = [[c.name, c.unit or c.type, c.meaning] for c in facts]
    command = f"ispy1 describe {relation.name} --all"
    print_list(names, rows, command=command, whole=whole)


def report(
    name: Annotated[
        str | None,
        typer.Argument(help="A report; without one, lists them.", autocompletion=complete_reports),
    ] = None,
    *,
    form: FormatOption = None,
    output: OutputOption = None,
    columns: ColumnsOption = None,
    limit: LimitOption = None,
    whole: AllOption = False,
) -> None:
    """Answer a question that has a name; without a name, list them.

    Examples:
    - `ispy1 report`
    - `ispy1 report labels`
    - `ispy1 report volumes --format csv`
    - `ispy1 report methods`
    """
    from etl.text.answer_format import choose_format
    from etl.text.output import find_width, print_list, write
    from etl.text.values import wrap_line
    from etl.warehouse import reports
    from etl.warehouse.query import run

    chosen = choose_format(form, output)
    view = _make_view(chosen, columns, limit)
    root = project.find_root()
    if output:
        project.refuse_inputs(root, output, ())
    if name is None and (form or output):
        message = "--format, --output: of which report? Give its name; `ispy1 report` lists them."
        raise UserError(message)
    if name is None:
        titles = list(reports.list_titles(root).items())
        print_list(("report", "question"), titles, command="ispy1 report --all", whole=whole)
        return
    if name == reports.METHODS:
        _write_methods(root, chosen, output)
        return
    text = reports.find(root, name)
    warn_if_stale()
    with progress_bar("query"):
        result = run(text, root)
    if chosen == "table" and output is None:
        typer.echo(f"{wrap_line(reports.read_title(text), find_width())}\n")
    write(result, chosen, output, view)


def _write_methods(root: Path, form: Format, output: Path | None) -> None:
    from etl.ask.methods import format_methods
    from etl.text.output import write_file

    if form not in ("table", "markdown"):
        message = f"--format {form}: methods is text. Take markdown."
        raise UserError(message)
    warn_if_stale()
    text = format_methods(root)
    if output:
        write_file(output, [text])
    elif form == "markdown":
        sys.stdout.write(text)
    else:
        _print_prose(text)


def _print_prose(text: str) -> None:
    """Print markdown as it reads; in a pipe a paragraph is a line, with no blank at its end."""
    from rich.console import Console
    from rich.markdown import Markdown

    console = Console()
    if console.is_terminal:
        console.print(Markdown(text))
        return
    wide = Console(width=len(text))
    with wide.capture() as capture:
        wide.print(Markdown(text))
    for line in capture.get().splitlines():
        typer.echo(line.rstrip())


def split() -> None:
    """Give new cases a fold in splits.csv; no case that has one ever moves (stage `split`).

    Examples:
    - `ispy1 split`
    """
    from etl.warehouse.splits import update_splits

    typer.echo(f"splits.csv: {update_splits(project.find_root())} cases added")


def _make_view(form: str, columns: str | None, limit: int | None) -> View:
    """Return what of a table is asked for.

    Raises:
        UserError: another form, which has all.
    """
    from etl.text.output import View

    if form != "table" and (columns or limit):
        message = f"--columns, --limit: {form} has all that the query selects. Leave them out."
        raise UserError(message)
    return View(columns, limit)


def _load_query(query: str | None) -> str:
    """Return the text of the query.

    Raises:
        UserError: none is given, or it cannot be read as UTF-8.
    """
    try:
        text = _read_query(query)
        text.encode()  # what is not UTF-8 came through as halves of characters
    except (OSError, UnicodeError) as error:
        message = f"{query or '-'}: cannot be read ({error}). Give a query or a file in UTF-8."
        raise UserError(message) from error
    return text


def _read_query(query: str | None) -> str:
    if query == "-" or (query is None and not sys.stdin.isatty()):
        return sys.stdin.read()
    if query is None:
        message = "No query. Give one in quotes, a .sql file, or - for standard input."
        raise UserError(message)
    if not query.endswith(".sql"):
        return query
    return Path(query).read_text(encoding="utf-8-sig")


def _parse_pairs(option: str, kind: str, items: list[str] | None) -> dict[str, str]:
    """Return the values of a repeated NAME=... option."""
    pairs: dict[str, str] = {}
    for item in items or ():
        name, sign, value = item.partition("=")
        if not (name and sign and value) or name in pairs:
            message = f"{option} {item}: expected NAME={kind}, each name once."
            raise UserError(message)
        pairs[name] = value
    return pairs
