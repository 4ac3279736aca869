"""How fast: `python tests/bench/bench.py [--full] [--cases N] [--workers N] [--repeat 3] [--json]`.

Images and masks of a phantom of full size, by three contenders with the same number of workers,
in process after imports and without DVC. Contenders take turns, so that a busy machine is busy
for all of them. Start-up and, with --pipeline, `dvc repro` are measured apart. It asserts nothing:
the budgets are printed beside what was measured. --full prints bench.full's table instead, --remote
the bytes that leave a remote in S3 for questions on the tables of this checkout, --scale how it
grows, part by part: views (100,000 cases, in DuckDB and Spark), workers (here and on Dask), cases
(1,000 small ones), voxels (10,000 cases; after --full). All but voxels are kept as JSON.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import os
import platform
import statistics
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.spread import Build

PROJECT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(PROJECT), str(PROJECT / "tests")]

FLOOR_BUDGET = 1.6
SCRIPT_BUDGET = 0.3
MEMORY_BUDGET_MIB = 500e6 / 2**20
FEW_CASES = 8


def main() -> None:
    """Measure, then print a page or JSON."""
    options = _options()
    if options.remote:
        _print_remote()
    elif options.scale is not None:
        for part in options.scale or ("views", "workers", "cases"):
            _PRINT_SCALE[part](options)
    elif options.full:
        _print_full(options)
    if options.full or options.scale is not None or options.remote:
        return
    figures = _measure(options)
    if options.json:
        sys.stdout.write(json.dumps(figures, indent=2) + "\n")
    else:
        _print(figures)


def _options() -> argparse.Namespace:
    from etl.model.pool import count_workers
    from etl.phantom.grids import PUBLIC_CASES

    parser = argparse.ArgumentParser(description="How fast images and masks are measured.")
    parser.add_argument("--full", action="store_true", help="table of targets (163 cases, 9 GB)")
    parser.add_argument("--cases", type=int, help="cases of the phantom (8; 163 with --full)")
    parser.add_argument("--workers", type=int, default=count_workers(), help="default: cores")
    parser.add_argument("--repeat", type=int, default=3, help="rounds (3)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--scale", nargs="*", choices=sorted(_PRINT_SCALE), help="how it grows (all but voxels)"
    )
    parser.add_argument("--remote", action="store_true", help="bytes moved out of a remote in S3")
    parser.add_argument("--pipeline", action="store_true", help="time `dvc repro` as well")
    options = parser.parse_args()
    options.cases = options.cases or (
        PUBLIC_CASES if options.full or "voxels" in (options.scale or ()) else FEW_CASES
    )
    return options


def _print_full(options: argparse.Namespace) -> None:
    """Print the table of targets, which takes a quarter of an hour."""
    from bench.full import measure_figures

    figures = measure_figures(PROJECT, options.cases, options.workers, options.repeat)
    if options.json:
        json.dump([dataclasses.asdict(figure) for figure in figures], sys.stdout, indent=2)
        return
    rows = ((figure.name, figure.measured, figure.target) for figure in figures)
    _print_table(("figure", "measured", "to reach"), rows)


def _print_table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table of Markdown, each line as soon as it is measured."""
    for cells in itertools.chain((head, ["---"] * len(head)), rows):
        sys.stdout.write(f"| {' | '.join(map(str, cells))} |\n")
        sys.stdout.flush()


def _print_views(options: argparse.Namespace) -> None:
    """Print what DuckDB takes, then what Spark does where it is installed."""
    from bench import scale

    with scale.repeat_tables(PROJECT) as root:
        _print_seconds("views", scale.measure_views(root, options.workers))
        if find_spec("pyspark"):
            _print_seconds("spark", scale.measure_in_spark(root, options.workers))


def _print_seconds(part: str, answers: Iterator[tuple[str, float | None]]) -> None:
    rows = []

    def list_cells() -> Iterator[tuple[str, str]]:
        for name, seconds in answers:
            rows.append({"name": name, "seconds": seconds})
            yield name, "-" if seconds is None else f"{seconds:.2f}"

    _print_table((part, "s"), list_cells())
    _keep(part, rows)


def _print_workers(options: argparse.Namespace) -> None:
    from bench import spread

    _print_builds("workers", spread.measure_workers(PROJECT, options.workers))


def _print_cases(options: argparse.Namespace) -> None:
    from bench import spread

    _print_builds("cases", spread.measure_cases(PROJECT, options.workers))


def _print_builds(part: str, builds: Iterator[Build]) -> None:
    rows = []

    def list_cells() -> Iterator[tuple[object, ...]]:
        for b in builds:
            rows.append(dataclasses.asdict(b))
            seconds = f"{b.seconds:.1f}", f"{b.seconds / b.n_cases:.3f}"
            yield b.name, b.n_cases, b.workers, *seconds, f"{b.peak_mib:.0f}"

    head = ("build", "cases", "workers", "s", "s per case", "peak MiB of the builder")
    _print_table(head, list_cells())
    _keep(part, rows)


def _keep(part: str, rows: list[dict[str, Any]]) -> None:
    """Keep what was measured with what it was measured on."""
    names = ("dask", "duckdb", "ispy1-warehouse", "polars", "pyarrow", "pyspark")
    installed = {d.name: d.version for d in metadata.distributions() if d.name in names}
    versions = {"python": platform.python_version(), "cores": os.cpu_count(), **installed}
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    path = PROJECT / ".dvc/tmp/ispy1/bench" / f"scale-{part}-{stamp}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"versions": versions, "rows": rows}, indent=2) + "\n")
    sys.stderr.write(f"kept in {path.relative_to(PROJECT)}\n")


def _print_voxels(options: argparse.Namespace) -> None:
    """Print how the questions on voxels grow with the cases; the table of --full was built."""
    from bench import release, voxels

    root = release.prepare(PROJECT, options.cases).root / "project"
    rows = (
        (cases, n_rows, name, f"{seconds:.2f}", f"{1000 * seconds / cases:.2f}")
        for cases, n_rows, name, seconds in voxels.time_scaled(root, options.workers)
    )
    _print_table(("cases", "rows", "question", "s", "s per 1,000 cases"), rows)


_PRINT_SCALE = {
    "cases": _print_cases, "views": _print_views, "voxels": _print_voxels,
    "workers": _print_workers,
}  # fmt: skip


def _print_remote() -> None:
    """Print what questions move."""
    from bench.remote import measure_remote

    rows = (
        (moved.question, moved.requests, moved.n_bytes, f"{moved.seconds:.2f}")
        for moved in measure_remote(PROJECT)
    )
    _print_table(("question", "requests", "bytes", "s"), rows)


def _measure(options: argparse.Namespace) -> dict[str, Any]:
    from bench import cases, contenders, release, startup

    context = release.prepare(PROJECT, options.cases)
    for name in ("ours", "script"):  # warm: imports, the pool's server, the page cache
        contenders.time_contender(name, context, options.workers)
    seconds: dict[str, list[float]] = {name: [] for name in contenders.CONTENDERS}
    for _ in range(options.repeat):
        for name, of_rounds in seconds.items():
            of_rounds.append(contenders.time_contender(name, context, options.workers))
    measure_peak = partial(contenders.measure_peak, workers=options.workers)
    return {
        "cases": options.cases,
        "workers": options.workers,
        "repeat": options.repeat,
        "files": len(context.blobs),
        "sizes_mb": release.measure_sizes(context),
        "seconds": seconds,
        "ours_over_floor": _ratio(seconds["ours"], seconds["floor"]),
        "ours_over_script": _ratio(seconds["ours"], seconds["script"]),
        "peak_mib": {name: measure_peak(context, name) for name in seconds},
        "peak_mib_largest": measure_peak(release.prepare_largest(PROJECT), "ours"),
        "seconds_per_case": cases.time_cases(context, PROJECT),
        "startup_s": startup.time_startup(PROJECT),
        "pipeline_s": startup.time_pipeline(PROJECT) if options.pipeline else {},
    }


def _ratio(ours: list[float], theirs: list[float]) -> float:
    """Median over the rounds: both sides of one round saw the same machine."""
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))


def _print(data: dict[str, Any]) -> None:
    def say(line: str = "") -> None:
        sys.stdout.write(line + "\n")

    say(
        f"{data['cases']} cases, {data['files']} files, {data['workers']} worker(s), "
        f"median of {data['repeat']} rounds"
    )
    say("\ngz size, MB          min   median      max")
    for kind, (least, median, most) in data["sizes_mb"].items():
        say(f"  {kind:16} {least:7.3f}  {median:7.3f}  {most:7.3f}")
    say("\nimages and masks     s s per case   peak MiB a worker")
    for name, of_rounds in data["seconds"].items():
        middle = statistics.median(of_rounds)
        each, peak = middle / data["cases"], data["peak_mib"][name]
        say(f"  {name:10} {middle:11.2f}    {each:7.3f}   {peak:17.0f}")
    say(f"\nours / floor    {data['ours_over_floor']:6.2f}   (budget {FLOOR_BUDGET})")
    say(f"ours / script   {data['ours_over_script']:6.2f}   (budget {SCRIPT_BUDGET})")
    say(
        f"peak MiB a worker, largest case of the public release {data['peak_mib_largest']:.0f}   "
        f"(budget {MEMORY_BUDGET_MIB:.0f})"
    )
    say("\none case, one worker   s   decompression alone")
    for name, seconds in data["seconds_per_case"].items():
        say(f"  {name:20} {seconds['ours']:7.3f}   {seconds['floor']:7.3f}")
    say()
    for title, part in (("start-up", "startup_s"), ("pipeline, demo phantom", "pipeline_s")):
        for step, seconds in data[part].items():
            say(f"{title}: {step:42} {seconds:7.3f} s")


if __name__ == "__main__":
    main()
