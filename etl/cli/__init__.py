"""The command `ispy1`. Thin: every command calls one function of the package."""

from __future__ import annotations

import errno
import gc
import importlib
import io
import os
import pkgutil
import signal
import sys
import tempfile
import threading
import time
import traceback
import warnings
from contextlib import suppress
from shutil import get_terminal_size
from typing import Annotated, NoReturn

import typer

from etl.model.errors import UserError
from etl.model.project import REPRO_PROCESS
from etl.text.values import wrap_line
from etl.warehouse.limits import is_stuck

EXIT_CANNOT, EXIT_INTERRUPTED = 2, 130
# Allocations between two searches for cycles, and how many make an older generation due: by
# Python's own numbers, a fifth of an import or of a verdict goes into looking for garbage.
_COLLECT_EVERY = (50_000, 20, 100)
WATCH_S = 0.3
# The order of `--help`.
_FIRST_TOPICS = (
    "build", "adopt", "idc", "sql", "export", "versions", "diff", "why", "gate", "card",
)  # fmt: skip
_UNWRITABLE = (errno.ENOSPC, errno.EBADF, errno.EIO, errno.EDQUOT)

app = typer.Typer(
    name="ispy1",
    help="A data-versioned warehouse over a release of breast DCE-MRI blobs.\n\n"
    "Exit codes: 0 fine, 1 a contract is broken, 2 the command cannot run.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)


def _register_topics(app: typer.Typer) -> None:
    """Add the commands of every module of this folder that has `register(app)`, new ones last."""
    order = {name: number for number, name in enumerate(_FIRST_TOPICS)}
    names = [module.name for module in pkgutil.iter_modules(__path__)]
    for name in sorted(names, key=lambda name: (order.get(name, len(order)), name)):
        topic = importlib.import_module(f"{__name__}.{name}")
        if hasattr(topic, "register"):
            topic.register(app)


_register_topics(app)


def _print_version(asked: bool) -> None:  # noqa: FBT001  as typer calls it
    if asked:
        from etl.cli.version import describe_version

        typer.echo(describe_version())
        raise typer.Exit


@app.callback()
def begin(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Say the versions."),
    ] = False,
) -> None:
    """Take the options that no command has."""


def main() -> None:
    """Run a command; whatever goes wrong is one sentence on stderr and exit code 2."""
    # Neither DVC nor Great Expectations may call home, from any command.
    os.environ.setdefault("DVC_NO_ANALYTICS", "1")
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    gc.set_threshold(*_COLLECT_EVERY)
    _open_streams()
    _end_with_repro()
    code = _run()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # what ends is not interrupted
    _close_streams(code)


def _open_streams() -> None:
    """Let no character and no closed stream stop a command: a terminal may be anything."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by the caller, as `>&-` does
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _end_with_repro() -> None:
    """End this command of a stage when the `ispy1 repro` that it works for is killed."""
    parent = os.environ.get(REPRO_PROCESS, "")
    if parent.isdecimal():
        threading.Thread(target=_wait_for_end, args=(int(parent),), daemon=True).start()


def _wait_for_end(process: int) -> None:
    with suppress(ProcessLookupError):
        while True:
            os.kill(process, 0)
            time.sleep(WATCH_S)
    os._exit(EXIT_INTERRUPTED)  # tables are written whole or not at all


def _tell_warning(message: Warning | str, *_where: object) -> None:
    """Say a warning as any other message, without the line of code that it is from."""
    typer.echo(f"warning: {message}", err=True)


def _run() -> int:
    warnings.showwarning = _tell_warning  # type: ignore[assignment]
    try:
        try:
            app()
        except SystemExit as end:  # as typer ends every command
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        sys.stdout.flush()
    except BrokenPipeError:  # `ispy1 sql ... | head`
        return 0
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except Exception as error:  # noqa: BLE001  the last resort: no traceback reaches a user
        return _print_error(_describe_error(error))
    return code


def _describe_error(error: Exception) -> str:
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, OSError) and error.filename is None and error.errno in _UNWRITABLE:
        return f"the output cannot be written ({error.strerror}). Free the disk."
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{os.fsdecode(error.filename)}: {error.strerror}. Check path, rights and disk."
    if isinstance(error, ModuleNotFoundError) and error.name:
        return (
            f"the package {error.name} is not installed here: the environment is older than "
            "requirements.lock. `make clean setup` makes it anew."
        )
    return _describe_unforeseen(error)


def _print_error(sentence: str) -> int:
    # What a sentence quotes (a cell, a file's name) may hold characters that a terminal obeys.
    shown = "".join(c if c.isprintable() or c == "\n" else " " for c in sentence)
    width = get_terminal_size().columns if sys.stderr.isatty() else None
    with suppress(OSError):
        for line in f"ispy1: {shown}".split("\n"):
            typer.echo(wrap_line(line, width), err=True)
    return EXIT_CANNOT


def _describe_unforeseen(error: BaseException) -> str:
    """Return a sentence on an error that nobody foresaw, and where its traceback is."""
    if os.environ.get("ISPY1_DEBUG"):
        traceback.print_exc()
    message = " ".join(str(error).split())[:300]
    handle, path = -1, "nowhere: no folder can be written; ISPY1_DEBUG=1 shows them"
    with suppress(OSError):
        handle, path = tempfile.mkstemp(prefix="ispy1-", suffix=".log")
        with open(handle, "w", encoding="utf-8", errors="replace") as log:  # noqa: PTH123
            traceback.print_exception(error, file=log)
    return f"{type(error).__name__}: {message}. This was not foreseen; details: {path}"


def _close_streams(code: int) -> NoReturn:
    """End without a word of the interpreter's own on what could not be flushed."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    null = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            os.dup2(null, stream.fileno())
    if is_stuck():  # in a query that does not listen: the interpreter would wait for it
        os._exit(code)
    sys.exit(code)
