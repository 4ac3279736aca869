"""The tables whose rows come from several blobs of a case: seconds a case and worker."""

from __future__ import annotations

import statistics
import time
from dataclasses import replace
from pathlib import Path

from bench.contenders import decompress
from etl.build.index import import_table, list_tables, reads
from etl.build.measuring import measure_unit
from etl.tables.unit import Blob, Context, list_units

BY_CASE = tuple(name for name in list_tables() if import_table(name).TABLE.per == "case")


def time_cases(context: Context, project: Path) -> dict[str, dict[str, float]]:
    """Return table -> median seconds of a case, and of the decompression of what it reads.

    Args:
        context: the release of the bench.
        project: whose params.yaml says what is measured.
    """
    seconds, context = {}, replace(context, root=project)
    for name in BY_CASE:
        blobs = tuple(b for b in context.blobs if reads(project, name, b.name, context.profile))
        units = list_units("case", blobs)
        measure_unit(name, context, units[0])  # warm: imports
        pairs = [_time_unit(name, context, unit) for unit in units]
        floor, ours = (statistics.median(side) for side in zip(*pairs, strict=True))
        seconds[name] = {"floor": floor, "ours": ours}
    return seconds


def _time_unit(name: str, context: Context, unit: tuple[Blob, ...]) -> tuple[float, float]:
    start = time.perf_counter()
    for blob in unit:
        decompress(Path(str(context.release), blob.path))
    middle = time.perf_counter()
    measure_unit(name, context, unit)
    return middle - start, time.perf_counter() - middle
