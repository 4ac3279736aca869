"""The life of a release: two versions, and what the warehouse says about them."""

from __future__ import annotations

import gzip
import json
import shutil
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from history import set_remote

from e2e.conftest import Clone
from e2e.inside import open_repo
from etl.phantom.build import make

GROWN, WITHDRAWN, ADDED = "ISPY1_9001", "ISPY1_9003", "ISPY1_9004"
MASK = f"masks_stv_manual/{GROWN}.nii.gz"
VERSIONS = ("v1", "v2")
Versions = tuple[Clone, str]  # and what the tables of v2 said


@pytest.fixture(scope="module")
def downloads(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two downloads. In the second a mask has grown by 2 voxels, a case went, a case came."""
    folder = tmp_path_factory.mktemp("downloads")
    make(folder / "all", folder / "truth.parquet", cases=4, seed=1)
    first = without(folder / "all", folder / "first", ADDED)
    second = without(folder / "all", folder / "second", WITHDRAWN)
    grow(second / MASK)
    return first, second


def without(source: Path, target: Path, case: str) -> Path:
    """A copy without one case. The manifest and the features name all: leave them out."""
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("*.sums", "ISPY_*", f"{case}*"))
    return target


def grow(path: Path) -> None:
    """Two more voxels, each beside one of the mask's."""
    content = bytearray(gzip.decompress(path.read_bytes()))
    start = int(struct.unpack_from("<f", content, 108)[0])
    voxels = np.frombuffer(content, "<f4", offset=start)
    inside = np.flatnonzero(voxels)
    ends = inside[~np.isin(inside + 1, inside)][:2] + 1
    voxels[ends] = 1
    path.write_bytes(gzip.compress(bytes(content), 6, mtime=0))


@pytest.fixture(scope="module")
def versions(
    built: Clone,
    downloads: tuple[Path, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Versions:
    """A project with the tags v1 and v2, pushed to a folder, and what the second build said."""
    clone = built.copy(tmp_path_factory.mktemp("versions") / "clone")
    set_remote(clone.root, clone.root.parent / "store")
    for tag, download in zip(VERSIONS, downloads, strict=True):
        assert clone.ask(f"ispy1 adopt '{download}' --prune").exit_code == 0
        built_of_tag = clone.repro()
        assert built_of_tag.exit_code == 1  # red: no workbook of features
        clone.run(f"git add -A && git commit -qm {tag} && git tag {tag}")
    assert clone.ask("ispy1 push --all-versions").exit_code == 0
    return clone, built_of_tag.said["tables"]


def answer(clone: Clone, command: str, exit_code: int = 0) -> Any:  # noqa: ANN401  any JSON
    answered = clone.ask(command)
    assert answered.exit_code == exit_code, answered.output
    return json.loads(answered.stdout)


def test_only_what_changed_was_read(versions: Versions) -> None:
    _, built_of_v2 = versions
    assert "masks: 9 rows, 0 findings; 4 units measured, 5 reused" in built_of_v2
    assert "images: 18 rows, 0 findings; 6 units measured, 12 reused" in built_of_v2


def test_diff_names_exactly_what_changed(versions: Versions) -> None:
    clone, _ = versions
    said = answer(clone, "ispy1 diff v1 v2 --json", exit_code=1)
    masks = {(m["case_id"], m["mask"]): m for m in said["masks"]}
    three = ("ftv", "stv_manual", "stv_resunet")
    assert set(masks) == {(GROWN, "stv_manual")} | {
        (case, mask) for case in (WITHDRAWN, ADDED) for mask in three
    }
    grown = masks[GROWN, "stv_manual"]
    assert grown["difference_cm3"] == pytest.approx(0.002, abs=1e-9)
    assert grown["path"] == MASK
    assert 0.99 < grown["dice"] < 1
    assert {masks[WITHDRAWN, m]["change"] for m in three} == {"removed"}
    assert {masks[ADDED, m]["change"] for m in three} == {"added"}
    assert clone.ask("ispy1 diff v2 v2").exit_code == 0


def test_versions_beside_each_other(versions: Versions) -> None:
    clone, _ = versions
    query = (
        "select new.case_id, round(new.volume_cm3 - was.volume_cm3, 6) as grown_cm3 "
        "from main.masks as new join old.masks as was using (case_id, mask) "
        "where new.volume_cm3 != was.volume_cm3"
    )
    rows = answer(clone, f'ispy1 sql --attach old=v1 --format json "{query}"')
    assert rows == [{"case_id": GROWN, "grown_cm3": 0.002}]
    changed = answer(clone, "ispy1 sql --attach old=v1 -f json 'select change from diff.masks'")
    assert {row["change"] for row in changed} == {"added", "changed", "removed"}
    old = answer(clone, 'ispy1 sql --rev v1 -f json "select distinct case_id from masks"')
    assert {row["case_id"] for row in old} == {GROWN, "ISPY1_9002", WITHDRAWN}


def test_dvc_compares_metrics_and_plots(versions: Versions) -> None:
    clone, _ = versions
    median = "select median(volume_cm3) as cm3 from masks where mask = 'stv_manual'"
    old, new = (
        answer(clone, f'ispy1 sql --rev {v} -f json "{median}"')[0]["cm3"] for v in VERSIONS
    )
    with open_repo(clone.root) as repo:
        said = repo.metrics.diff("v1", "v2")["diff"]["reports/metrics.json"]
        plots = repo.plots.show(revs=["v2"])["v2"]["sources"]["data"]
    changed = said["median_volume_cm3.stv_manual"]
    assert (changed["old"], changed["new"]) == pytest.approx((old, new), abs=1e-6)
    assert changed["diff"] != 0
    volumes = plots["reports/plots/volumes.csv"]["data"]
    assert {row["case_id"] for row in volumes} == {GROWN, "ISPY1_9002", ADDED}


def test_why_leads_to_the_blob(versions: Versions) -> None:
    clone, _ = versions
    said = clone.ask(f"ispy1 why masks.volume_cm3 {GROWN} stv_manual --json").stdout
    (row,) = answer(
        clone,
        f"ispy1 sql -f json \"from masks where case_id = '{GROWN}' and mask = 'stv_manual'\"",
    )
    assert row["blob_md5"] in said
    assert MASK in said
    assert clone.ask(f"ispy1 why volumes.ftv_cm3 {GROWN}").stdout.count("masks.volume_cm3") > 0


def test_a_clone_with_the_tables_alone_says_the_same(versions: Versions, tmp_path: Path) -> None:
    clone, _ = versions
    other = clone.clone(tmp_path / "clone")
    with open_repo(other.root) as repo:
        repo.pull(["tables", "gate"])
    assert other.tables() == clone.tables()
    query = 'ispy1 sql --rev v1 -f json "from label_summary"'
    assert answer(other, query) == answer(clone, query)


def test_status_and_fsck(versions: Versions) -> None:
    clone, _ = versions
    assert len(clone.ask("ispy1 status").stdout.splitlines()) <= 12
    assert clone.ask("ispy1 fsck").exit_code == 0
