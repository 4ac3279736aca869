"""Tables are read where they lie, in ranges, and nothing else is; what goes wrong is a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from typing import Any

import duckdb
import pytest
from history import begin, commit, keep, set_remote, write_masks
from made import small
from typer.testing import CliRunner

import etl
from etl.cli import app
from etl.model.errors import UserError
from etl.model.project import TABLES
from etl.versions import dvc, objects, revision_tables
from etl.versions.push import push_versions
from etl.warehouse import query
from remotes.conftest import BUCKET, Remote, s3
from remotes.counting import Traffic, count_traffic

OF_A_CASE = "select * from voxels where case_id = 'ISPY1_9001'"
MASKS = "select * from masks where case_id = 'ISPY1_9001' order by mask"


@dataclass(frozen=True)
class Pushed:
    """A project of v1 and v2, all of it in S3 and, but for the working tree, nowhere else."""

    root: Path
    traffic: Traffic
    rows: dict[str, list[tuple[Any, ...]]]  # of v1, before the cache was emptied

    def md5(self, table: str, case_id: str = "") -> str:
        tables, parts = revision_tables.list_md5s_at(self.root, "v1")
        return parts[table][case_id] if case_id else tables[table]


@pytest.fixture(scope="module")
def pushed(tmp_path_factory: pytest.TempPathFactory, s3_remote: Remote) -> Iterator[Pushed]:
    root = small.make_project(tmp_path_factory.mktemp("remote") / "p")
    (root / "data" / "release").mkdir()
    begin(root)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in s3_remote.environment.items():
            patch.setenv(name, value)
        with count_traffic(s3_remote.options["endpointurl"]) as traffic:
            pushed = Pushed(root, traffic, {})
            set_remote(root, s3_remote.url, endpointurl=traffic.endpoint)
            for tag, volume in (("v1", 5.0), ("v2", 6.0)):
                write_masks(root, volume)
                keep(root, f"{TABLES}: {{persist: true}}")
                commit(root, tag)
            push_versions(root, every=True)
            pushed.rows.update(read_all(etl.connect(root, rev="v1")))
            rmtree(root / ".dvc" / "cache")
            rmtree(root / ".dvc" / "tmp" / "ispy1")
            yield pushed


def read_all(db: duckdb.DuckDBPyConnection) -> dict[str, list[tuple[Any, ...]]]:
    names = db.execute("select view_name from duckdb_views() where not internal").fetchall()
    return {name: db.execute(f"from {name} order by all").fetchall() for (name,) in names}


def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on a remote has two seconds to answer."""
    monkeypatch.setattr(objects, "ANSWER_S", 2.0)
    monkeypatch.setattr(objects, "SILENCE_S", 0.5)


def ask(pushed: Pushed, sql: str, **options: Any) -> list[tuple[Any, ...]]:  # noqa: ANN401
    return list(query.run(sql, pushed.root, remote=True, **({"rev": "v1"} | options)).rows())


def test_a_version_is_read_where_it_lies(pushed: Pushed) -> None:
    assert read_all(etl.connect(pushed.root, rev="v1", remote=True)) == pushed.rows
    cached = [path for path in (pushed.root / ".dvc" / "cache").rglob("*") if path.is_file()]
    assert [path.suffix for path in cached] == [".dir"]  # the list of the folder


def test_versions_stand_beside_each_other(pushed: Pushed) -> None:
    sql = (
        "select was.volume_cm3, now.volume_cm3 from main.masks as now join old.masks as was "
        "using (case_id, mask) where now.volume_cm3 <> was.volume_cm3"
    )
    assert ask(pushed, sql, rev="v2", attach={"old": "v1"}) == [(5.0, 6.0)]
    assert ask(pushed, sql, rev=None, attach={"old": "v1"}) == [(5.0, 6.0)]


def test_only_what_a_query_needs_moves_and_nothing_twice(pushed: Pushed) -> None:
    etl.connect(pushed.root, rev="v1", remote=True)  # the catalog is kept
    db = etl.connect(pushed.root, rev="v1", remote=True)
    pushed.traffic.clear()
    rows = db.execute(OF_A_CASE).fetchall()
    assert len(rows) == 4
    moved = {"".join(path.split("/")[-2:]) for path, n in pushed.traffic.sent.items() if n}
    assert moved == {pushed.md5("voxels", "ISPY1_9001")}
    pushed.traffic.clear()
    assert db.execute(OF_A_CASE).fetchall() == rows
    assert pushed.traffic.requests == []


def test_a_query_reaches_the_tables_alone(pushed: Pushed) -> None:
    address = f"{dvc.SCHEME}://{pushed.md5('masks')}/masks.parquet"
    key = f"s3://{BUCKET}/ispy1/files/md5/{pushed.md5('masks')[:2]}/{pushed.md5('masks')[2:]}"
    db = query.connect_restricted(pushed.root, rev="v1", remote=True)
    for sql in (
        f"from '{address}'",
        f"from read_parquet('{address}')",
        f"from '{key}'",
        f"pivot '{key}' on mask using count(*) group by case_id",
        f"from '{dvc.SCHEME}://{'0' * 32}/masks.parquet'",
        f"from read_blob('{dvc.SCHEME}://../*')",
        f"copy masks to '{address}'",
        f"from '{pushed.root}/data/tables/masks.parquet'",
        "from glob('*')",
    ):
        with pytest.raises(UserError, match=r"cannot be reached|not allowed"):
            query.execute(db, sql, pushed.root)
    # Were there no look at the words of a query, there would be no file to read or to write.
    assert db.execute(f"from read_blob('{dvc.SCHEME}://../**')").fetchall() == []
    for sql in (
        f"from read_parquet('{key}')",
        "from read_text('/etc/hostname')",
        f"copy masks to '{address}'",
        f"copy masks to '{dvc.SCHEME}://{'0' * 32}/new.csv'",
    ):
        with pytest.raises(duckdb.Error):
            db.execute(sql)
    assert len(db.execute(MASKS).fetchall()) == 3


def test_the_commands(pushed: Pushed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(pushed.root)
    for words in (["sql", MASKS], ["describe", "masks"]):
        answer = CliRunner().invoke(app, [*words, "--rev", "v1", "--remote"])
        assert answer.exit_code == 0, answer.output
        assert "stv_manual" in answer.output
    answer = CliRunner().invoke(app, ["sql", MASKS, "--remote"])
    assert "--rev HEAD" in str(answer.exception)


@pytest.mark.parametrize("of", ["masks", "voxels"])
def test_what_was_not_pushed_is_named(pushed: Pushed, of: str, s3_remote: Remote) -> None:
    md5 = pushed.md5(of, "ISPY1_9001" if of == "voxels" else "")
    client, key = s3(s3_remote.options["endpointurl"]), f"ispy1/files/md5/{md5[:2]}/{md5[2:]}"
    content = client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    sql = OF_A_CASE if of == "voxels" else MASKS
    try:
        s3_remote.overwrite(md5, b"damaged")
        with pytest.raises(UserError, match=rf"{of}.*(no table|too small|magic)"):
            ask(pushed, sql)
        client.delete_object(Bucket=BUCKET, Key=key)
        with pytest.raises(UserError) as caught:
            ask(pushed, sql)
    finally:
        s3_remote.overwrite(md5, content)
    assert f"{of}.parquet (MD5 {md5})" in str(caught.value)
    assert "ispy1 push --all-versions" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_store_that_refuses(pushed: Pushed) -> None:
    db = etl.connect(pushed.root, rev="v1", remote=True)
    pushed.traffic.refuses = True
    try:
        with pytest.raises(UserError, match=r"The remote store cannot be used.*Forbidden"):
            ask(pushed, MASKS)
        with pytest.raises(duckdb.Error, match="UserError: The remote store cannot be used"):
            db.execute(MASKS)
    finally:
        pushed.traffic.refuses = False


def test_a_store_that_is_silent(pushed: Pushed, monkeypatch: pytest.MonkeyPatch) -> None:
    db = etl.connect(pushed.root, rev="v1", remote=True)
    hurry(monkeypatch)
    pushed.traffic.answers.clear()
    try:
        with pytest.raises(UserError, match="no answer within 2 s"):
            ask(pushed, MASKS)
        with pytest.raises(duckdb.Error, match=r"UserError: .*no answer within 2 s"):
            db.execute("from features")
    finally:
        pushed.traffic.answers.set()


def test_no_store(pushed: Pushed, monkeypatch: pytest.MonkeyPatch) -> None:
    hurry(monkeypatch)
    config = pushed.root / ".dvc" / "config"
    text = config.read_text()
    try:
        set_remote(pushed.root, f"s3://{BUCKET}/ispy1", endpointurl="http://127.0.0.1:9")
        with pytest.raises(UserError, match="The remote store cannot be used"):
            ask(pushed, MASKS)
        config.write_text("[core]\n    analytics = false\n")
        with pytest.raises(UserError, match="no default remote is set"):
            ask(pushed, MASKS)
    finally:
        config.write_text(text)
