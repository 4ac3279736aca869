"""The table of targets: a release of full size, through the commands that a user gives."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from bench import contenders, release, voxels
from bench.checkout import RELEASE, Checkout, Ran, prepare, shrink_mask
from etl.model.params_file import set_params
from etl.phantom.grids import FIRST_NUMBER
from etl.tables.unit import Context
from etl.tables.voxel_files import MARGIN

GENERAL_MODULE = "etl/model/project.py"  # every table imports it
TABLE = "feature_stability"  # two words: nothing else has this name by chance
# Where a table may be named: its module, contracts, frame, test and breaks, SQL and prose.
_MAY_NAME = (
    f"etl/tables/{TABLE}*", f"expectations/**/{TABLE}.*", "expectations/contracts*",
    f"tests/**/test_{TABLE}*", f"tests/**/{TABLE}.*", "tests/contract.csv", "tests/bench/**",
    "sql/**", "**/*.md",
)  # fmt: skip
_MEASURED = re.compile(r"([0-9]+) units measured")


@dataclass(frozen=True, slots=True)
class Figure:
    """A line of the table."""

    name: str
    measured: str
    target: str


def measure_figures(project: Path, cases: int, workers: int, repeat: int) -> Iterator[Figure]:
    """Yield the figures of the project's last commit; seconds are the least of `repeat` runs."""
    context = release.prepare(project, cases)
    checkout = prepare(project, Path(str(context.release)), context.root / "project", workers)
    mask = f"{RELEASE}/masks_stv_manual/ISPY1_{FIRST_NUMBER + cases // 2}.nii.gz"
    set_params(checkout.root / "params.yaml", {MARGIN: False})
    without = _build_all(checkout).seconds
    checkout.run("git checkout --quiet params.yaml")
    checkout = prepare(project, Path(str(context.release)), context.root / "project", workers)
    built = _build_all(checkout)
    yield Figure("full build, index to verdict", f"{built.seconds:.0f} s", "140 s")
    yield from _measure_voxels(checkout, built.seconds / without - 1, repeat)
    nothing = min(_repro(checkout).seconds for _ in range(repeat))
    yield Figure("nothing changed", f"{nothing:.1f} s", "2 s")
    yield from _change_a_mask(checkout, checkout.root / mask, repeat)
    yield _change_a_comment(checkout)
    yield _measure_peak(project, workers)
    yield _run_contenders(context, workers, repeat)
    yield Figure(f"files that name {TABLE} elsewhere", str(_count_files(checkout)), "0")


def build_tables(checkout: Checkout) -> float:
    """Return the seconds of the tables alone, where the index is written."""
    return _run(checkout, "ispy1 tables").seconds


def _build_all(checkout: Checkout) -> Ran:
    checkout.forget()
    built = _repro(checkout)
    if not _count_units(built):
        message = f"the build does not say how many units it measured:\n{built.output}"
        raise RuntimeError(message)
    return built


def _measure_voxels(checkout: Checkout, added: float, repeat: int) -> Iterator[Figure]:
    yield Figure("voxels adds to a full build", f"{added:.0%}", "25 %")
    share = voxels.measure_share(checkout)
    yield Figure("size of voxels over the z-scored images", f"{share:.1%}", "15 %")
    for name, whole, one in voxels.time_questions(checkout.root, checkout.workers, repeat):
        yield Figure(f"{name}, all cases / one", f"{whole:.2f} / {one:.2f} s", "0.5 / 0.2 s")


def _change_a_mask(checkout: Checkout, mask: Path, repeat: int) -> Iterator[Figure]:
    """Each run has a change of its own; the mask is put back."""
    original = mask.read_bytes()
    whole: list[float] = []
    alone: list[float] = []
    written: list[int] = []
    for _ in range(repeat):
        shrink_mask(mask)
        whole.append(_repro(checkout).seconds)
        shrink_mask(mask)
        _run(checkout, "ispy1 index")
        before = voxels.read_inodes(checkout)  # without DVC, which gives what it commits new ones
        alone.append(build_tables(checkout))
        written.append(len(voxels.read_inodes(checkout).items() - before.items()))
    mask.write_bytes(original)
    yield Figure("one mask changed, `ispy1 repro`", f"{min(whole):.1f} s", "15 s")
    yield Figure("one mask changed, files of voxels written", str(max(written)), "1")
    yield Figure("one mask changed, tables alone", f"{min(alone):.1f} s", "5 s")


def _change_a_comment(checkout: Checkout) -> Figure:
    _repro(checkout)
    module = checkout.root / GENERAL_MODULE
    text = module.read_text("utf-8")
    module.write_text(text.replace("\n", "\n# a note\n", 1), "utf-8")
    units = _count_units(_repro(checkout))
    module.write_text(text, "utf-8")
    return Figure("units measured after a comment in a general module", str(units), "0")


def _measure_peak(project: Path, workers: int) -> Figure:
    big = release.prepare_largest(project)
    checkout = prepare(project, Path(str(big.release)), big.root / "project", max(2, workers))
    checkout.forget()
    peak = _repro(checkout).peak_mib * 2**20 / 1e6
    return Figure("peak memory of a worker, largest case", f"{peak:.0f} MB", "700 MB")


def _run_contenders(context: Context, workers: int, repeat: int) -> Figure:
    """Every case once, in `repeat` parts; the contenders take turns at each part."""
    cases = sorted({blob.name.case_id or "" for blob in context.blobs})
    seconds = dict.fromkeys(contenders.CONTENDERS, 0.0)
    for part in range(repeat):
        of_part = set(cases[part::repeat])
        blobs = tuple(blob for blob in context.blobs if blob.name.case_id in of_part)
        for name in contenders.CONTENDERS:
            seconds[name] += contenders.time_contender(name, replace(context, blobs=blobs), workers)
    ratios = (seconds["ours"] / seconds[name] for name in ("floor", "script"))
    return Figure(
        "images and masks over decompression / over the usual script",
        " / ".join(f"{ratio:.2f}" for ratio in ratios),
        "1.6 / 0.3",
    )


def _repro(checkout: Checkout) -> Ran:
    return _run(checkout, "ispy1 repro")


def _run(checkout: Checkout, command: str) -> Ran:
    ran = checkout.run(command)
    sys.stderr.write(f"{command}: {ran.seconds:.1f} s\n")
    return ran


def _count_units(ran: Ran) -> int:
    return sum(map(int, _MEASURED.findall(ran.output)))


def _count_files(checkout: Checkout) -> int:
    """Return how many files name the table where nobody should have to."""
    elsewhere = " ".join(f"':(exclude,glob){pattern}'" for pattern in _MAY_NAME)
    listed = checkout.run(f"git ls-files -- . {elsewhere}").output.splitlines()
    word = re.compile(rf"\b{TABLE}\b".encode())
    return sum(word.search((checkout.root / path).read_bytes()) is not None for path in listed)
