"""A program, no test: build masks again and again, each time killed one step later.

Every line that the functions which write tables and units pass is a step; the
process that builds is a fork and is ended by SIGKILL, as by the kernel when memory is out. Then
the build is repeated in another fork, and the state is checked. Writes one line of JSON.

Usage: python -m crash.at_every_line PROJECT
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from etl.build import kept_units, run
from etl.build.index import import_table, list_tables, make_table_recipe, read_index
from etl.model import store
from etl.model.profile import load_profile
from etl.tables.unit import Context
from etl.versions import dvc

OUTPUTS = ("data/tables/masks.parquet", "data/tables/findings.parquet")
_KEEP = kept_units.keep_units.__code__
WATCHED: set[CodeType] = {
    store.write_atomically.__code__,
    store._open_temporary.__wrapped__.__code__,  # type: ignore[attr-defined]
    kept_units._use_store.__code__,
    _KEEP,
    *(code for code in _KEEP.co_consts if isinstance(code, CodeType)),
}


def build_killed_at(root: Path, step: int) -> int:
    """Build masks in this process; end it at this step. Returns the number of steps."""
    steps = 0

    def trace(frame: FrameType, event: str, _: object) -> Callable[..., Any] | None:
        nonlocal steps
        if frame.f_code not in WATCHED:
            return None
        if event == "line":
            steps += 1
            if steps == step:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    def traced(work: Callable[..., None]) -> Callable[..., None]:
        def call(*words: object, **named: object) -> None:
            sys.settrace(trace)  # only here: tracing all of DVC would take long
            work(*words, **named)
            sys.settrace(None)

        return call

    for name in ("write_table", "write_manifest", "keep_units"):
        setattr(run, name, traced(getattr(run, name)))
    run.build_tables(root, ["masks"], workers=1)
    return steps


def forked(work: Callable[[], object]) -> int:
    """The status of a child that did the work."""
    child = os.fork()
    if child == 0:
        work()
        os._exit(0)
    return os.waitpid(child, 0)[1]


def half_written(root: Path) -> None:
    """Killed within the one call that writes the file's content."""
    whole = store._write_parquet

    def half(table: object, target: Path) -> None:
        whole(table, target)
        os.truncate(target, target.stat().st_size // 2)
        os.kill(os.getpid(), signal.SIGKILL)

    store._write_parquet = half
    run.build_tables(root, ["masks"], workers=1)


def state(root: Path) -> list[bytes]:
    return [(root / path).read_bytes() for path in OUTPUTS]


def main() -> None:
    root = Path(sys.argv[1])
    store_file = root / ".dvc/tmp/ispy1/units.sqlite"
    old, units = state(root), store_file.read_bytes()
    new_index = (root / "data/index/masks.csv").read_bytes()
    seen = {
        "killed": 0,
        "old": 0,
        "new": 0,
        "left": 0,
        "torn": 0,
        "recovered": 0,
        "not recovered": 0,
    }

    def start_over() -> None:
        for path, content in zip(OUTPUTS, old, strict=True):
            (root / path).write_bytes(content)
        for name in store_file.parent.glob("units.sqlite-*"):
            name.unlink()
        store_file.write_bytes(units)
        assert (root / "data/index/masks.csv").read_bytes() == new_index

    import_all(root)
    forked(lambda: run.build_tables(root, ["masks"], workers=1))
    new = state(root)

    def attempt(work: Callable[[], object]) -> bool:
        start_over()
        if not os.WIFSIGNALED(forked(work)):
            return False
        seen["killed"] += 1
        found = state(root)
        for one, before, after in zip(found, old, new, strict=True):
            seen["old" if one == before else "new" if one == after else "torn"] += 1
        seen["left"] += bool(temporaries(root))
        forked(lambda: run.build_tables(root, ["masks"], workers=1))
        seen["not recovered"] += state(root) != new or bool(temporaries(root))
        return True

    attempt(lambda: half_written(root))
    step = 1
    while attempt(partial(build_killed_at, root, step)):
        step += 1
    sys.stdout.write(json.dumps(seen | {"steps": step}))


def import_all(root: Path) -> None:
    """Import what a build imports, and read its code, here once and not in every fork.

    No table is read or written: threads of a library would not survive the fork.
    """
    for name in ("pyarrow.acero", *(f"etl.tables.{table}" for table in list_tables())):
        import_module(name)
    dvc.release_hashes(root, root / "data/release")
    profile = load_profile(root)
    blobs = read_index(root, "masks", profile).blobs
    context = Context(root, root / "data/release", profile, blobs)
    import_table("masks").measure((blobs[0],), context)
    make_table_recipe(root, "masks", profile, blobs)


def temporaries(root: Path) -> list[str]:
    folders = [root / "data/tables", root / ".dvc/tmp/ispy1"]
    return [p.name for folder in folders for p in folder.glob("*.parquet.*")]


if __name__ == "__main__":
    main()
