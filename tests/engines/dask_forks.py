"""A program, no test: import what Dask's processes import, then fork one for each line of input.

A line is JSON: the name of a program, its words, its folder and its log; or the number of a process
to wait for. The answer is the number of the process, or its exit status.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from etl.build.index import list_tables


def import_all() -> dict[str, object]:
    """Import what takes long; return the programs of Dask by their names."""
    for name in ("build.measuring", "model.cluster", *(f"tables.{name}" for name in list_tables())):
        import_module(f"etl.{name}")
    names = ("dask_scheduler", "dask_worker")
    return {name: import_module(f"distributed.cli.{name}").main for name in names}


def fork(program: object, words: Sequence[str], folder: str, log: str) -> int:
    """Run a program in a session of its own; return the number of its process."""
    child = os.fork()
    if child:
        return child
    try:
        os.setsid()
        os.chdir(folder)
        file = os.open(log, os.O_WRONLY | os.O_CREAT)
        for stream in (1, 2):
            os.dup2(file, stream)
        os.close(0)
        program(words)  # type: ignore[operator]
    finally:
        os._exit(1)


def main() -> None:
    programs, statuses = import_all(), dict[int, int]()
    for line in sys.stdin:
        asked = json.loads(line)
        if isinstance(asked, int):
            if asked not in statuses:
                statuses[asked] = os.waitpid(asked, 0)[1]
            answer = statuses[asked]
        else:
            program, words, folder, log = asked
            answer = fork(programs[program], words, folder, log)
        print(answer, flush=True)  # noqa: T201  the answer


if __name__ == "__main__":
    main()
