"""What the table voxels costs, and how fast the questions are that stand on it."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

import etl
from bench.checkout import RELEASE, Checkout
from etl.model.store import list_parts, part_path
from etl.warehouse.views import find_relations, read_sql

TABLE, LISTER = "voxels", "voxel_files"
IMAGES = "images_bias-corrected_resampled_zscored_nifti"
ARGUMENTS = {  # of macros
    "enhancing_volume": "70", "voxel_percentiles": "1", "voxel_entropy": "1, 128",
}  # fmt: skip
SUMMARY = "select case_id, count(*), avg(pe_percent), avg(ser) from {} {} group by case_id"
PER_VOXEL = "voxel_enhancement"  # 12 million rows are nothing to be fetched
SCALES = (1_000, 3_000, 10_000)  # cases
MEMORY = "4GB"


def measure_share(checkout: Checkout) -> float:
    """Return the bytes of the table over those of the z-scored images."""
    parts = list_parts(checkout.root / "data/tables", TABLE).values()
    images = (checkout.root / RELEASE / IMAGES).rglob("*.nii.gz")
    return _count_bytes(parts) / _count_bytes(images)


def _count_bytes(paths: Iterable[Path]) -> int:
    return sum(path.stat().st_size for path in paths)


def read_inodes(checkout: Checkout) -> dict[str, int]:
    """Return case -> inode of its file: a file that is written has a new one."""
    parts = list_parts(checkout.root / "data/tables", TABLE)
    return {case_id: path.stat().st_ino for case_id, path in parts.items()}


def list_questions(root: Path) -> dict[str, str]:
    """Return view or macro -> a query of it, with `{}` for a condition: all that read voxels."""
    texts = {**read_sql(root / "sql/views"), **read_sql(root / "sql/macros")}
    chosen = {TABLE}
    while more := {n for n, sql in texts.items() if find_relations(sql) & chosen} - chosen:
        chosen |= more
    calls = {name: f"{name}({ARGUMENTS[name]})" if name in ARGUMENTS else name for name in chosen}
    return {
        name: SUMMARY.format(name, "{}") if name == PER_VOXEL else f"from {calls[name]} {{}}"
        for name in sorted(chosen - {TABLE})
    }


def time_questions(root: Path, workers: int, repeat: int) -> Iterator[tuple[str, float, float]]:
    """Yield view or macro, and seconds of all cases and of one; the least of some runs."""
    with etl.connect(root) as db:
        db.execute(f"set threads = {workers}")
        (case_id,) = db.execute(f"select median(case_id) from {LISTER}").fetchone() or ("",)
        for name, sql in list_questions(root).items():
            whole, one = (
                min(_time(db, sql.format(where)) for _ in range(max(2, repeat)))
                for where in ("", f"where case_id = '{case_id}'")
            )
            yield name, whole, one


def _time(db: duckdb.DuckDBPyConnection, sql: str) -> float:
    start = time.perf_counter()
    db.execute(sql).fetchall()
    return time.perf_counter() - start


def time_scaled(root: Path, workers: int) -> Iterator[tuple[int, int, str, float]]:
    """Yield cases, rows, view or macro, and seconds: cases repeated under new names."""
    for n_cases in SCALES:
        with tempfile.TemporaryDirectory(dir=root.parent) as folder:
            copy = _repeat_cases(root, Path(folder), n_cases)
            with etl.connect(copy) as db:
                db.execute(f"set threads = {workers}; set memory_limit = '{MEMORY}'")
                db.execute(f"set temp_directory = '{folder}/spill'")
                ((n_rows,),) = db.execute(f"select sum(n_voxels) from {LISTER}").fetchall()
                for name, sql in list_questions(root).items():
                    sys.stderr.write(f"{n_cases} cases: {name}\n")
                    yield n_cases, int(n_rows), name, _time(db, sql.format(""))


def _repeat_cases(root: Path, copy: Path, n_cases: int) -> Path:
    """Make a project of tables alone: files of cases are links, under as many names as asked."""
    for name in ("params.yaml", "dvc.yaml", "sql", "expectations", "splits.csv"):
        (copy / name).symlink_to(root / name)
    source, target = root / "data/tables", copy / "data/tables"
    target.mkdir(parents=True)
    parts = list_parts(source, TABLE)
    cases = sorted(parts)
    names = [f"{cases[n % len(cases)]}_{n // len(cases)}" for n in range(n_cases)]
    for name in names:
        link = part_path(target, TABLE, name)
        link.parent.mkdir(parents=True)
        link.hardlink_to(parts[name.rpartition("_")[0]])
    texts = {**read_sql(root / "sql/views"), **read_sql(root / "sql/macros")}
    read = {name for question in list_questions(root) for name in find_relations(texts[question])}
    for path in (path for path in source.glob("*.parquet") if path.stem in read):
        table = pq.read_table(path)
        if "case_id" in table.column_names:
            pq.write_table(_repeat_rows(table, len(names) // len(cases) + 1, set(names)),
                           target / path.name)  # fmt: skip
    return copy


def _repeat_rows(table: pa.Table, times: int, names: set[str]) -> pa.Table:
    at = table.column_names.index("case_id")
    copies = []
    for number in range(times):
        renamed = [c and f"{c}_{number}" for c in table["case_id"].to_pylist()]
        kept = pa.array([name in names for name in renamed])
        copies.append(table.set_column(at, table.field(at), pa.array(renamed)).filter(kept))
    return pa.concat_tables(copies)
