"""Three ways through the same blobs: decompress only, the script people write, and ours.

Every work function takes one path, or one blob, so that all of them are spread alike.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
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


def floor(context: Context, workers: int) -> None:
    """Every blob decompressed once with isal."""
    for _ in spread(decompress, _paths(context), workers, _died):
        pass


def script(context: Context, workers: int) -> None:
    """What people write: nibabel, numpy, scipy.ndimage, a pandas frame, Parquet."""
    import pandas as pd

    for table, work in (("images", _script_image), ("masks", _script_mask)):
        rows = list(spread(work, _paths(context, table), workers, _died))
        pd.DataFrame(rows).to_parquet(context.root / f"script_{table}.parquet")


def ours(context: Context, workers: int) -> None:
    """The tables `images` and `masks`, measured, assembled and written."""
    units = [(name, unit) for name in TABLES for unit in _units(context, name)]
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
    "floor": floor,
    "script": script,
    "ours": ours,
}


def time_contender(name: str, context: Context, workers: int) -> float:
    """Seconds of one contender."""
    start = time.perf_counter()
    CONTENDERS[name](context, workers)
    return time.perf_counter() - start


def peak_mib(context: Context, contender: str, workers: int) -> float:
    """The largest memory of a worker, in MiB, in fresh processes."""
    processes = max(2, workers)  # one worker alone is this process, with all that it ever held
    if contender == "ours":
        units = [(name, unit) for name in TABLES for unit in _units(context, name)]
        work = partial(_peak_of_unit, context)
        return max(spread(work, units, processes, _no_peak))
    if contender == "floor":
        return max(spread(_peak_of_floor, _paths(context), processes, _no_peak))
    peaks = [
        *spread(_peak_of_image, _paths(context, "images"), processes, _no_peak),
        *spread(_peak_of_mask, _paths(context, "masks"), processes, _no_peak),
    ]
    return max(peaks)


def _only(context: Context, table: str) -> Context:
    """The context with the blobs that a table's index would list."""
    reads = import_table(table).TABLE.reads
    return replace(
        context, blobs=tuple(b for b in context.blobs if b.name.artefact.startswith(reads))
    )


def _units(context: Context, table: str) -> list[Unit]:
    return list_units(import_table(table).TABLE.per, _only(context, table).blobs)


def _paths(context: Context, *tables: str) -> list[Path]:
    blobs = [blob for table in tables or TABLES for blob in _only(context, table).blobs]
    return [Path(str(context.release), blob.path) for blob in blobs]


def _died(_: object) -> NoReturn:
    message = "a worker of the bench was killed: not enough memory?"
    raise RuntimeError(message)


def _no_peak(_: object) -> float:
    return float("nan")


def decompress(path: Path) -> int:
    """The floor of one blob: bytes of its uncompressed stream."""
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


def _peak_of_unit(context: Context, item: tuple[str, tuple[Blob, ...]]) -> float:
    name, unit = item
    values = measure_unit(name, context, unit)
    if not values.rows.num_rows:
        message = f"{unit[0].path}: {values.findings}"
        raise RuntimeError(message)
    return _peak_mib()


def _peak_of_floor(path: Path) -> float:
    decompress(path)
    return _peak_mib()


def _peak_of_image(path: Path) -> float:
    _script_image(path)
    return _peak_mib()


def _peak_of_mask(path: Path) -> float:
    _script_mask(path)
    return _peak_mib()


def _peak_mib() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / MIB if sys.platform == "darwin" else peak / 1024
