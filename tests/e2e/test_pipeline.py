"""Fresh clone, `make`, and what must hold afterwards."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import duckdb
import pytest
import yaml
from history import set_remote
from support import ROOT

from e2e.conftest import Clone
from e2e.inside import open_repo

README = ROOT / "README.md"


def test_make_is_green_and_writes_the_card(built: Clone) -> None:
    gate = json.loads((built.root / "reports/gate.json").read_text())
    assert gate["verdict"] == "green"
    card = (built.root / "reports/card.md").read_text()
    assert "PHANTOM" in card.splitlines()[0]
    assert (built.root / "reports/card.png").stat().st_size > 1000
    assert "PHANTOM" in (built.root / "reports/site/index.html").read_text()


def test_measures_equal_the_truth(built: Clone) -> None:
    rows = (
        duckdb.connect()
        .execute(f"""
        with wide as (
            pivot (from '{built.root}/data/truth.parquet') on quantity
            in ('voxel_count', 'n_components', 'largest_component_voxel_count')
            using any_value(value) group by case_id, subject
        )
        select m.voxel_count, w.voxel_count, m.n_components, w.n_components,
            m.largest_component_voxel_count, w.largest_component_voxel_count
        from '{built.root}/data/tables/masks.parquet' as m
        inner join wide as w on w.case_id = m.case_id and w.subject = m.mask
    """)
        .fetchall()
    )
    assert len(rows) == 6
    for row in rows:
        assert row[0::2] == row[1::2]


def test_a_second_make_does_nothing(built: Clone) -> None:
    before = built.tables()
    assert "Data and pipelines are up to date" in built.do("make").stdout
    assert built.tables() == before
    changed = built.do("git status --porcelain --untracked-files=no").stdout.split()
    assert set(changed[1::2]) <= {"dvc.lock", "data/dvc.lock", "splits.csv", "reports/card.md",
                                  "reports/card.png", "reports/gate.json"}  # fmt: skip


def test_make_test_runs_the_tests(built: Clone) -> None:
    assert "pytest" in built.do("make -n test").stdout


def test_a_real_download(built: Clone, real: Path, tmp_path: Path) -> None:
    clone = built.copy(tmp_path / "clone")
    assert clone.ask(f"ispy1 adopt '{real}'").exit_code == 0
    built_of_real = clone.repro()
    assert built_of_real.exit_code == 1
    missing = "images_bias-corrected_nifti/ISPY1_1002/ISPY1_1002_DCE_0000_N3.nii.gz"
    assert missing in built_of_real.said["verdict"]

    def ask(query: str) -> list[dict[str, object]]:
        rows: list[dict[str, object]] = json.loads(
            clone.ask(f'ispy1 sql --format json "{query}"').stdout
        )
        return rows

    (mask,) = ask("from masks")
    assert (mask["case_id"], mask["mask"]) == ("ISPY1_1002", "stv_manual")
    assert (mask["voxel_count"], mask["volume_cm3"], mask["n_components"]) == (5091, 5.091, 2)
    box = [mask[f"bbox_{end}_{axis}"] for axis in "xyz" for end in ("min", "max")]
    assert box == [88, 111, 78, 104, 65, 96]
    assert mask["orientation"] == "PSR"
    assert mask["mesh_volume_mm3"] == pytest.approx(5062.21, abs=0.01)
    assert mask["surface_area_mm2"] == pytest.approx(1895.20, abs=0.01)
    assert mask["sphericity"] == pytest.approx(0.7523, abs=1e-4)
    assert mask["max_diameter_mm"] == pytest.approx(37.05, abs=0.01)
    counts = ask(
        "select (select count(*) from clinical) as c, (select count(*) from outcomes) as o"
    )
    assert counts == [{"c": 221, "o": 221}]


def test_a_partial_release_survives_clone_and_pull(built: Clone, tmp_path: Path) -> None:
    clone = built.copy(tmp_path / "one")
    clone.run("mkdir part && cp -r data/phantom/masks_stv_manual part/")
    assert clone.ask("ispy1 adopt part").exit_code == 0
    clone.run("rm -r part")
    assert clone.repro().exit_code == 1  # coverage is red, and says so
    set_remote(clone.root, tmp_path / "store")
    with open_repo(clone.root) as repo:
        repo.push()
    clone.run("git add -A && git commit -qm partial")
    other = clone.clone(tmp_path / "two")
    other.run("dvc pull -q tables")
    assert other.repro("--allow-missing tables") == (0, {})
    other.run("dvc pull -q --allow-missing")
    assert other.repro().said.keys() == {"verdict"}
    assert other.tables() == clone.tables()


def test_a_clone_with_the_tables_alone(built: Clone, tmp_path: Path) -> None:
    clone = built.copy(tmp_path / "one")
    set_remote(clone.root, tmp_path / "store")
    clone.run("git add -A && git commit -qm built")
    with open_repo(clone.root) as repo:
        repo.push()
    other = clone.clone(tmp_path / "two")
    with open_repo(other.root) as repo:
        repo.pull(["tables", "gate"])
    assert not (other.root / "data/phantom").exists()
    assert other.tables() == clone.tables()
    assert other.ask("ispy1 verdict").exit_code == 0
    assert other.ask("ispy1 report volumes").exit_code == 0
    assert other.repro("--allow-missing") == (0, {})
    assert "are the same: no row and no summary differs" in run_workflow(other, tmp_path)
    # What is judged by may change here, without a blob.
    rules, issues = other.root / "expectations", "case_id,field,observed,note,source\n"
    edit(rules / "profiles/base.yaml", *(f"size_x_min:\n    value: {n}" for n in (180, 290)))
    stale = json.loads(other.ask("ispy1 status --json").stdout)["stale"]
    assert stale.keys() == find_stale_stages(other)
    judged_anew = other.repro("--allow-missing")
    assert judged_anew.exit_code == 1
    assert list(judged_anew.said) == ["gate", "card", "site", "verdict"]
    assert read_verdict(other) == "red"
    known = "".join(f"ISPY1_900{n},size_x,1,a small grid,phantom\n" for n in (1, 2))
    edit(rules / "known_issues.csv", issues, issues + known)
    edit(rules / "contracts/grid_1mm.yaml", "Check that", "See that")
    assert find_stale_stages(other) >= {"gate", "verdict"}
    assert other.ask("ispy1 gate").exit_code == 0
    assert read_verdict(other) == "green"


def run_workflow(clone: Clone, folder: Path) -> str:
    """Run the steps of the README's workflow as GitHub does; return the summary of the job."""
    workflows = re.findall(
        r"^# \.github/.*?(?=^```$)", README.read_text(), re.DOTALL | re.MULTILINE
    )
    workflow = yaml.safe_load(workflows[0])
    assert workflow[True] == "pull_request"  # `on` in YAML 1.1
    Path(sys.prefix, ".ready").touch()  # `make setup` has nothing to do
    summary = folder / "summary.md"
    given = {
        "GITHUB_BASE_REF": clone.run("git branch --show-current").strip(),
        "GITHUB_PATH": str(folder / "path"),
        "GITHUB_STEP_SUMMARY": str(summary),
    }
    for step in workflow["jobs"]["gate"]["steps"]:
        command = step.get("run", "")
        if command.startswith("ispy1") and ">>" not in command:
            assert clone.ask(command).exit_code == 0, command
        elif command:
            clone.run(command, env=given)
    return summary.read_text()


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def find_stale_stages(clone: Clone) -> set[str]:
    with open_repo(clone.root) as repo:
        return set(repo.status())


def read_verdict(clone: Clone) -> str:
    verdict: str = json.loads((clone.root / "reports/gate.json").read_text())["verdict"]
    return verdict


def kill_all(group: int) -> None:
    """Kill a build and its children, and wait: DVC counts one that nobody has buried as alive."""
    with suppress(ProcessLookupError):
        while True:
            os.killpg(group, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(-group, os.WNOHANG)
            time.sleep(0.05)


def test_killed_at_any_moment_and_with_a_full_disk(built: Clone, tmp_path: Path) -> None:
    clone = built.copy(tmp_path / "clone")
    chance = random.Random(9)

    def begin(*, bytes_a_file: int) -> subprocess.Popen[str]:
        """A disk that is full looks as one on which files may not grow."""
        return subprocess.Popen(
            ["sh", "-c", f"ulimit -f {bytes_a_file // 512}; exec ispy1 repro"], cwd=clone.root,
            env={**clone.environment, "PYTHONUNBUFFERED": "1"}, start_new_session=True, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    nothing = "rm -rf dvc.lock data/tables && mkdir data/tables"
    clone.run(nothing)
    for stage in ("index", "tables", "gate"):  # each goes on where the one before was killed
        with begin(bytes_a_file=2**30) as run:
            assert run.stdout is not None
            assert any(f"Running stage '{stage}'" in line for line in run.stdout)
            time.sleep(chance.uniform(0, 2))
            kill_all(run.pid)
    clone.run(nothing)
    with begin(bytes_a_file=chance.choice((0, 1024, 40_960))) as run:
        run.communicate()
    assert run.returncode != 0
    clone.run("ispy1 repro tables")
    assert clone.tables() == built.tables()
    assert clone.ask("ispy1 gate").exit_code == 0
    left = [p.name for p in (clone.root / "data").rglob("*.parquet.*")]
    assert left == []
