"""Three ways through the same blobs: decompress only, the script people write, and ours.

Every work function takes one path, or one blob, so that all of them are spread alike.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from etl.build.index import import_table
from etl.build.measuring import make_tasks, measure_tasks, measure_unit
from etl.build.run import make_footer
from etl.model.pool import spread
from etl.model.store import table_path, write_table
from etl.tables.assembly import collect, identify
from etl.tables.unit import Blob, Context, Unit, Values, list_units

TABLES = ("images", "masks")
MIB = 2**20
PERCENTILES = (1, 50, 99)


def run_floor(context: Context, workers: int) -> None:
    """Decompress every blob once with isal."""
    for _ in spread(decompress, _paths(context), workers, _died):
        pass


def run_script(context: Context, workers: int) -> None:
    """Do what people write: nibabel, numpy, scipy.ndimage, a pandas frame, Parquet."""
    import pandas as pd

    for table, work in (("images", _script_image), ("masks", _script_mask)):
        rows = list(spread(work, _paths(context, table), workers, _died))
        pd.DataFrame(rows).to_parquet(context.root / f"script_{table}.parquet")


def run_ours(context: Context, workers: int) -> None:
    """Measure, assemble and write the tables `images` and `masks`."""
    units = _list_units(context)
    by_table: dict[str, list[tuple[Unit, Values]]] = {name: [] for name in TABLES}
    for task, measured in measure_tasks(context, make_tasks(units), workers):
        for (name, unit), values in zip(task.units, measured, strict=True):
            by_table[name].append((unit, values))
    for name, by_unit in by_table.items():
        module = import_table(name)
        table = module.TABLE
        frame = identify(
            collect(table, (values.rows for _, values in by_unit)),
            table,
            [unit for unit, _ in by_unit],
        )
        rows = module.assemble(frame, replace(context, needs=table.needs)).rows
        target = table_path(context.root / "data" / "tables", name)
        write_table(table, rows.to_arrow(), target, meta=make_footer(context.profile))


CONTENDERS: dict[str, Callable[[Context, int], None]] = {
    "floor": run_floor,
    "script": run_script,
    "ours": run_ours,
}


def time_contender(name: str, context: Context, workers: int) -> float:
    """Return the seconds of one contender."""
    start = time.perf_counter()
    CONTENDERS[name](context, workers)
    return time.perf_counter() - start


def measure_peak(context: Context, contender: str, workers: int) -> float:
    """Return the largest memory of a worker, in MiB, in fresh processes."""
    work_of: dict[str, dict[Callable[[Any], object], Sequence[Any]]] = {
        "floor": {decompress: _paths(context)},
        "script": {
            _script_image: _paths(context, "images"),
            _script_mask: _paths(context, "masks"),
        },
        "ours": {partial(_measure_unit, context): _list_units(context)},
    }
    processes = max(2, workers)  # one worker alone is this process, with all that it ever held
    return max(
        peak
        for work, items in work_of[contender].items()
        for peak in spread(partial(_measure_peak, work), items, processes, _no_peak)
    )


def _list_blobs(context: Context, table: str) -> tuple[Blob, ...]:
    """Return the blobs that a table's index would list."""
    reads = import_table(table).TABLE.reads
    return tuple(blob for blob in context.blobs if blob.name.artefact.startswith(reads))


def _list_units(context: Context) -> list[tuple[str, Unit]]:
    return [
        (table, unit)
        for table in TABLES
        for unit in list_units(import_table(table).TABLE.per, _list_blobs(context, table))
    ]


def _paths(context: Context, *tables: str) -> list[Path]:
    blobs = [blob for table in tables or TABLES for blob in _list_blobs(context, table)]
    return [Path(str(context.release), blob.path) for blob in blobs]


def _died(_: object) -> NoReturn:
    message = "a worker of the bench was killed: not enough memory?"
    raise RuntimeError(message)


def _no_peak(_: object) -> float:
    return float("nan")


def decompress(path: Path) -> int:
    """Return the floor of one blob: bytes of its uncompressed stream."""
    from isal import isal_zlib

    return len(isal_zlib.decompress(path.read_bytes(), 31))


def _script_image(path: Path) -> dict[str, object]:
    import nibabel as nib
    import numpy as np

    image: Any = nib.load(path)  # not typed
    data = image.get_fdata()
    p01, p50, p99 = np.percentile(data, PERCENTILES)
    return {
        "path": str(path),
        "min": data.min(),
        "max": data.max(),
        "mean": data.mean(),
        "std": data.std(),
        "p01": p01,
        "p50": p50,
        "p99": p99,
        "n_nan": int(np.isnan(data).sum()),
    }


def _script_mask(path: Path) -> dict[str, object]:
    import nibabel as nib
    import numpy as np
    from scipy import ndimage

    image: Any = nib.load(path)  # not typed
    inside = image.get_fdata() > 0.5
    _, count = ndimage.label(inside)
    where = np.argwhere(inside)
    return {
        "path": str(path),
        "n_components": count,
        "voxel_count": len(where),
        "box_min": where.min(axis=0).tolist(),
        "box_max": where.max(axis=0).tolist(),
        "centroid": where.mean(axis=0).tolist(),
    }


def _measure_unit(context: Context, item: tuple[str, Unit]) -> None:
    name, unit = item
    values = measure_unit(name, context, unit)
    if not values.rows.num_rows:
        message = f"{unit[0].path}: {values.findings}"
        raise RuntimeError(message)


def _measure_peak(work: Callable[[Any], object], item: object) -> float:
    """Work on an item; return the largest memory of this process so far, in MiB."""
    work(item)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / MIB if sys.platform == "darwin" else peak / 1024
