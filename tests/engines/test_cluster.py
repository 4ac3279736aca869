"""A Dask cluster measures what one process measures, whatever happens to its workers."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from support import ROOT, build, findings, make_project, make_release, table_bytes
from typer.testing import CliRunner

from engines.conftest import need
from engines.local_dask import Forks, Local, start_cluster
from etl.build.index import write_indexes
from etl.build.run import build_tables
from etl.cli import app
from etl.cli.build import _name_cluster
from etl.cli.progress import Bar
from etl.model.errors import UserError
from etl.model.pool import SCHEDULER, Cluster
from etl.tables import masks
from etl.tables.unit import Context, Measured, Unit

TABLES = ("images", "masks", "voxel_files")
CASES = tuple(f"ISPY1_900{number}" for number in range(1, 5))
BAD = "masks_ftv/ISPY1_9002.nii.gz"
# Of a worker: what it does before it measures a mask. `here` is the folder of the cluster.
BEFORE = """
import os, signal, time
from pathlib import Path
from etl.tables import masks
here, measure = Path({here!r}), getattr(masks, 'first', masks.measure)  # this may run twice
masks.first = measure
def measure_after(unit, context):
    path = unit[0].path
    {action}
    return measure(unit, context)
masks.measure = measure_after
"""
KILL = f"path == {BAD!r} and os.kill(os.getpid(), signal.SIGKILL)"
KILL_ONCE = (
    f"if path == {BAD!r} and not (here / 'killed').exists():\n"
    "        (here / 'killed').touch(); os.kill(os.getpid(), signal.SIGKILL)"
)


@pytest.fixture(scope="module", autouse=True)
def _dask() -> None:
    need("distributed")


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("etl.model.cluster.CONNECT_S", 2.0)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of four cases, built by one process. For reading only."""
    root = make_project(tmp_path_factory.mktemp("local") / "project")
    make_release(root / "data/release", CASES)
    build(root)
    return root


@pytest.fixture
def bare(project: Path, tmp_path: Path) -> Path:
    """A copy of it that nothing was measured in."""
    root = Path(shutil.copytree(project, tmp_path / "project"))
    for name in ("data/tables", ".dvc/tmp"):
        shutil.rmtree(root / name)
    write_indexes(root)
    return root


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    server = Forks()
    yield server
    server.end()


@pytest.fixture
def cluster(tmp_path: Path, forks: Forks) -> Iterator[Local]:
    """A scheduler without workers, each a fork."""
    with start_cluster(tmp_path / "dask", forks=forks) as local:
        yield local


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Local]:
    """A scheduler without workers, each started as a user starts it."""
    with start_cluster(tmp_path / "dask") as local:
        yield local


@dataclass
class Watch:
    """What a build on a cluster says."""

    said: list[str] = field(default_factory=list)
    workers: list[int] = field(default_factory=list)
    say: Callable[[str], None] | None = None

    def build(
        self,
        root: Path,
        address: str,
        progress: Callable[[int, int], None] | None = None,
        names: Sequence[str] = TABLES,
    ) -> None:
        """Build tables there."""
        cluster = Cluster(address, self.say or self.said.append, self.workers.append)
        build_tables(root, names, cluster, progress)


def are_equal(root: Path, project: Path) -> bool:
    """Whether what was built holds the bytes that one process made."""
    names = tuple(f"data/tables/{name}" for name in (*TABLES, "voxels/"))
    want = table_bytes(project)
    tables = {path: want[path] for path in want if path.startswith(names)}
    return {
        path: content for path, content in table_bytes(root).items() if path in tables
    } == tables


def before(cluster: Local, action: str) -> str:
    return BEFORE.format(here=str(cluster.folder), action=action)


def test_the_bytes_are_those_of_one_process(project: Path, bare: Path, started: Local) -> None:
    started.add_worker("a")
    started.add_worker("b", threads=2)  # it has a case at a time all the same
    for name in ("a", "b"):
        started.wait_for(name, "(Registered)")
    watch, steps = Watch(), list[tuple[int, int]]()
    watch.build(bare, started.address, lambda done, total: steps.append((done, total)), ())
    assert table_bytes(bare) == table_bytes(project)
    assert steps[-1] == (4, 4)
    assert watch.workers[0] == 1
    dashboard, threads = watch.said
    assert "dashboard is http://127.0.0.1" in dashboard
    assert threads.startswith(f"{started.address_of('b')} has 2 threads")


def test_a_worker_that_is_killed_once_loses_nothing(
    project: Path, bare: Path, cluster: Local
) -> None:
    for name in ("a", "b"):
        cluster.add_worker(name, before(cluster, KILL_ONCE))
    watch = Watch()
    watch.build(bare, cluster.address)
    assert (cluster.folder / "killed").exists()
    assert are_equal(bare, project)


def test_a_unit_that_kills_its_workers_is_the_finding_that_it_is_locally(
    project: Path, bare: Path, cluster: Local, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        cluster.add_worker(name, before(cluster, KILL), nanny=True)
    Watch().build(bare, cluster.address)
    lost = findings(bare, "measuring_failed")
    assert [row["path"] for row in lost] == [BAD]
    measure = masks.measure

    def fail(unit: Unit, context: Context) -> Measured:
        if unit[0].path == BAD:
            raise MemoryError
        return measure(unit, context)

    monkeypatch.setattr(masks, "measure", fail)
    local = Path(shutil.copytree(project, tmp_path / "local"))
    shutil.rmtree(local / ".dvc/tmp")
    build_tables(local, ["masks"], workers=1, reuse=False)
    assert findings(local, "measuring_failed") == lost
    assert are_equal(bare, project) is False
    masks_file = "data/tables/masks.parquet"
    assert table_bytes(bare)[masks_file] == table_bytes(local)[masks_file]


def test_a_worker_that_is_sent_home_is_nobodys_fault(
    project: Path, bare: Path, cluster: Local, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As queues do at the end of a job's time, and schedulers that need fewer workers."""
    from distributed import Client

    from etl.model import cluster as dask

    suspects = list[object]()
    monkeypatch.setattr(dask._Crew, "_suspect", lambda _, job: suspects.append(job))
    for name in ("a", "b"):
        cluster.add_worker(name, before(cluster, "time.sleep(0.2)"))

    def retire(done: int, _: int) -> None:
        if done == 1:
            cluster.wait_for("b", "(Registered)")
            with Client(cluster.address, set_as_default=False) as client:
                client.retire_workers([cluster.address_of("b")])

    watch = Watch()
    watch.build(bare, cluster.address, retire)
    assert watch.workers[-1] == 1
    assert suspects == []
    assert are_equal(bare, project)


def test_nobody_works_yet(
    project: Path, bare: Path, cluster: Local, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A queue may give workers in an hour: it is said, and waited for them."""
    monkeypatch.setattr("etl.model.cluster.PATIENCE_S", 0.1)
    watch = Watch()

    def start(said: str) -> None:
        if "has no worker for this build" in said:
            cluster.add_worker("late")

    watch.say = start
    watch.build(bare, cluster.address)
    assert watch.workers == [1]
    assert are_equal(bare, project)


def test_a_worker_of_another_version_gets_no_work(
    project: Path, bare: Path, cluster: Local, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(ROOT / "etl", other / "etl")
    with (other / "etl/tables/masks.py").open("a") as module:
        module.write("\nmeasure = None\n")
    cluster.add_worker("old", package=other)
    cluster.add_worker("strange", package=cluster.bare)
    for name in ("old", "strange"):
        cluster.wait_for(name, "(Registered)")
    watch = Watch()

    def start(said: str) -> None:
        watch.said.append(said)
        if len(watch.said) == 3:  # the dashboard, and both refusals
            cluster.add_worker("new")

    watch.say = start
    watch.build(bare, cluster.address)
    refusals = {said.split()[0]: said for said in watch.said if "gets no work" in said}
    strange = refusals[cluster.address_of("strange")]
    assert "cannot run this version of ispy1 (No module named" in strange
    refusal = refusals[cluster.address_of("old")]
    assert "another version (ispy1 code " in refusal
    assert ", here code " in refusal
    assert are_equal(bare, project)


def test_a_worker_that_cannot_see_the_blobs_says_so(
    project: Path, bare: Path, cluster: Local
) -> None:
    hide = (
        "import pathlib\n"
        "stat = pathlib.first = getattr(pathlib, 'first', pathlib.Path.stat)\n"
        "def hidden(path, **words):\n"
        "    if '/data/release/' in str(path): raise FileNotFoundError(path)\n"
        "    return stat(path, **words)\n"
        "pathlib.Path.stat = hidden\n"
    )
    cluster.add_worker("blind", hide)
    cluster.wait_for("blind", "(Registered)")
    cluster.add_worker("seeing")
    watch = Watch()
    watch.build(bare, cluster.address)
    (refusal,) = [said for said in watch.said if "gets no work" in said]
    assert refusal.startswith(cluster.address_of("blind"))
    assert f"cannot see the blobs ({bare}/data/release/" in refusal
    assert are_equal(bare, project)


def test_a_copy_of_the_release_is_hashed(
    bare: Path, cluster: Local, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a worker's own disk holds under a path may be of the same size, and another image."""
    monkeypatch.setattr("etl.build.measuring.read_stamp", lambda _: (0, 0, 0))  # of no file there
    cluster.add_worker("a")
    Watch().build(bare, cluster.address, names=["images"])
    path = bare / "data/release" / BAD
    content = bytearray(path.read_bytes())
    content[-9] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"is not on .* what it is here"):
        Watch().build(bare, cluster.address)
    assert not (bare / "data/tables/masks.parquet").exists()


def test_the_scheduler_goes(project: Path, bare: Path, cluster: Local) -> None:
    cluster.add_worker("a")

    def kill(done: int, _: int) -> None:
        if done == 2:
            cluster.processes["scheduler"].send_signal(signal.SIGKILL)

    with pytest.raises(UserError, match=r"does not answer any more .* is kept"):
        Watch().build(bare, cluster.address, kill)
    assert not (bare / "data/tables").exists()
    rest = list[int]()
    build_tables(bare, TABLES, 1, progress=lambda _, total: rest.append(total))
    assert rest[0] <= 2
    assert are_equal(bare, project)


def test_ctrl_c_ends_what_is_queued(bare: Path, cluster: Local) -> None:
    cluster.add_worker("a", before(cluster, "(here / 'log').open('a').write(f'{path}\\n')"))

    def interrupt(done: int, _: int) -> None:
        if done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Watch().build(bare, cluster.address, interrupt)
    cluster.processes["a"].send_signal(signal.SIGTERM)
    cluster.processes["a"].wait()
    cases = {line[-18:] for line in (cluster.folder / "log").read_text().splitlines()}
    assert len(cases) < len(CASES)


def test_nobody_answers(bare: Path) -> None:
    with pytest.raises(UserError, match="no Dask scheduler answers there") as refusal:
        Watch().build(bare, "tcp://127.0.0.1:9")
    assert str(refusal.value).startswith("tcp://127.0.0.1:9: ")
    with pytest.raises(UserError, match="no Dask scheduler answers there"):
        Watch().build(bare, "http:/nonsense")


@pytest.mark.parametrize("words", [["tables", "--scheduler", "tcp://127.0.0.1:9"], ["tables"]])
def test_dask_is_not_installed(bare: Path, words: list[str]) -> None:
    """The option says what to install; without it, and without the variable, nobody asks."""
    (bare / "distributed.py").write_text("raise ModuleNotFoundError('no', name='distributed')")
    code = "import sys; sys.path.insert(0, '.'); from etl.cli import main; main()"
    environment = {k: v for k, v in os.environ.items() if k != SCHEDULER}
    done = subprocess.run(
        [sys.executable, "-c", code, *words, "masks"],
        cwd=bare, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == (2 if "--scheduler" in words else 0)
    assert ("pip install distributed" in done.stderr) is ("--scheduler" in words)
    assert len(done.stderr.splitlines()) == ("--scheduler" in words)


def test_the_variable_is_what_plain_dvc_repro_honours(
    bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(bare)
    monkeypatch.setenv(SCHEDULER, "tcp://127.0.0.1:9")
    answer = CliRunner().invoke(app, ["tables", "masks"])
    assert isinstance(answer.exception, UserError)
    assert str(answer.exception).startswith("tcp://127.0.0.1:9: no Dask scheduler answers there")


def test_repro_hands_the_address_to_its_stages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SCHEDULER, raising=False)
    environments = list[Mapping[str, str]]()

    def run(_root: Path, words: Sequence[str], environment: Mapping[str, str], _say: object) -> int:
        assert list(words) == ["tables", "--dry"]
        environments.append(environment)
        return 0

    monkeypatch.setattr("etl.versions.repro.run_repro", run)
    for words in (["repro", "tables", "--dry"], ["repro", "--scheduler", "X", "tables", "--dry"]):
        assert CliRunner().invoke(app, words).exit_code == 0
    assert environments == [{}, {SCHEDULER: "X"}]


def test_the_bar_counts_workers() -> None:
    titles = list[str]()
    show = _name_cluster("tcp://127.0.0.1:9", Bar(rename=titles.append)).show
    show(1)
    show(2)
    assert titles == ["cases (1 worker)", "cases (2 workers)"]


def test_the_readme_starts_workers_that_are_right_for_a_case(tmp_path: Path) -> None:
    """One thread per process, on Slurm, without a Slurm; the rest of the block asks for jobs."""
    need("dask_jobqueue")
    (block,) = re.findall(
        r"```python\n(# slurm.py.*?)```", (ROOT / "README.md").read_text(), re.DOTALL
    )
    assert len(block.splitlines()) <= 10
    start = block[: block.index("cluster.adapt")].replace('"port": 8786', '"port": 0')
    code = f"{start}\nprint(cluster.job_script())"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "#SBATCH --mem=" in done.stdout
    assert "#SBATCH --cpus-per-task=8" in done.stdout
    (line,) = [line for line in done.stdout.splitlines() if "dask_worker" in line]
    assert line.startswith(".venv/bin/python -m distributed.cli.dask_worker tcp://")
    assert {"--nthreads 1", "--nworkers 8"} <= {*re.findall(r"--n\w+ \d", line)}
