"""A release in an object store gives what the same files in a folder give, or a sentence."""

from __future__ import annotations

import shutil
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

import pytest
from engines.conftest import need
from engines.local_dask import start_cluster
from support import (
    NATIVE_AFFINE,
    build,
    copy_code,
    findings,
    make_project,
    mask_voxels,
    md5,
    rows,
    table_bytes,
    write_nifti,
)
from tracked import FTV, PARTS, Tracked
from typer.testing import CliRunner

from etl.adopt import adopt
from etl.ask.diff.dice import find_blob, measure_overlap
from etl.ask.fsck import fsck
from etl.ask.status import status
from etl.ask.why import why
from etl.build.index import write_indexes
from etl.build.run import build_tables
from etl.cli import app
from etl.gate.judged import find_changed_blobs, list_changed_blobs
from etl.model import pool, project
from etl.model.address import open_address
from etl.model.errors import UserError
from etl.model.params_file import set_params
from etl.model.profile import load_profile
from etl.versions import dvc, objects
from etl.warehouse.export import export
from remotes.conftest import BUCKET, LOOPBACK, Remote, free_port, s3, served


class Bucket:
    """The objects of one release."""

    def __init__(self, remote: Remote, name: str) -> None:
        self.client = s3(remote.options["endpointurl"])
        self.name = name
        self.address = f"s3://{BUCKET}/{name}"

    def put(self, path: str, content: bytes) -> None:
        self.client.put_object(Bucket=BUCKET, Key=f"{self.name}/{path}", Body=content)

    def delete(self, path: str) -> None:
        self.client.delete_object(Bucket=BUCKET, Key=f"{self.name}/{path}")

    def fill(self, folder: Path) -> None:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                self.put(path.relative_to(folder).as_posix(), path.read_bytes())


@pytest.fixture
def store(s3_remote: Remote, monkeypatch: pytest.MonkeyPatch) -> Iterator[Remote]:
    """The server, with credentials and its address where the usual tools look for them."""
    s3fs: Any = pytest.importorskip("s3fs", reason="the extra s3 is not installed")
    for name, value in _environment(s3_remote).items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()  # one made for another server is not used again
    # Workers have the environment in which their server was started: this one they get anew.
    server: Any = forkserver._forkserver
    server._stop()
    yield s3_remote
    s3fs.S3FileSystem.clear_instance_cache()


def _environment(remote: Remote) -> Mapping[str, str]:
    return {**remote.environment, "AWS_ENDPOINT_URL": remote.options["endpointurl"]}


def name_release(root: Path, address: str) -> None:
    set_params(root / "params.yaml", {"release": address})
    project.params.cache_clear()


@pytest.fixture
def in_bucket(store: Remote, built: Path, tmp_path: Path) -> tuple[Path, Bucket]:
    """A project as `built`, whose two cases lie in a bucket; nothing is built."""
    root = make_project(tmp_path / "project")
    shutil.rmtree(root / "data")
    bucket = Bucket(store, tmp_path.name)
    bucket.fill(built / "data" / "release")
    name_release(root, bucket.address)
    return root, bucket


def test_tables_are_those_of_the_same_files_in_a_folder(
    in_bucket: tuple[Path, Bucket], built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, _ = in_bucket
    monkeypatch.setattr(pool, "FEW", 1)
    build(root, workers=2)  # the address is pickled, and each worker reads the store
    assert table_bytes(root) == table_bytes(built)
    index = "data/index/blobs.csv"
    assert (root / index).read_bytes() == (built / index).read_bytes()
    assert not (root / "data/release").exists()


def test_workers_of_a_cluster_read_the_store(
    in_bucket: tuple[Path, Bucket], built: Path, tmp_path: Path
) -> None:
    need("distributed")
    root, _ = in_bucket
    write_indexes(root)
    with start_cluster(tmp_path / "dask", "a") as local:
        build_tables(root, workers=pool.Cluster(local.address, print, print))
    assert table_bytes(root) == table_bytes(built)


def test_what_did_not_change_is_not_read_again(
    in_bucket: tuple[Path, Bucket], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root, bucket = in_bucket
    build(root)
    old_md5 = find_md5(root, FTV)
    caplog.clear()
    write_indexes(root)
    assert caplog.text == ""
    assert list_changed_blobs(root, load_profile(root)) == []

    voxels = mask_voxels(1, "ftv")
    voxels[:3, 0, 0] = 255
    bucket.put(FTV, write_nifti(tmp_path / "m.nii.gz", voxels, NATIVE_AFFINE).read_bytes())
    assert find_changed_blobs(root) == [f"{bucket.address}: {FTV} changed"]
    caplog.clear()
    write_indexes(root)
    assert f"reading 1 objects of {bucket.address}" in caplog.text
    done = {table.table: table.measured for table in build_tables(root, workers=1)}
    assert (done["masks"], done["images"]) == (1, 0)
    assert find_md5(root, FTV) == md5(tmp_path / "m.nii.gz") != old_md5

    assert find_blob(root, old_md5, FTV) is None  # the store keeps one version
    blob = find_blob(root, find_md5(root, FTV), FTV)
    assert measure_overlap(blob, blob).dice == 1
    bucket.delete(FTV)
    assert "it is gone" in str(measure_overlap(blob, blob).reason)


def find_md5(root: Path, path: str) -> str:
    (row,) = (row for row in rows(root, "blobs") if row["path"] == path)
    return str(row["md5"])


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (lambda bucket: bucket.delete(FTV), "it is gone"),
        (lambda bucket: bucket.put(FTV, b"x"), "it holds other bytes than were indexed"),
        (lambda bucket: bucket.put(FTV, b"x" * 99_999), "it holds other bytes than were indexed"),
    ],
    ids=["vanished", "truncated", "grown"],
)
def test_an_object_that_changes_after_the_index(
    in_bucket: tuple[Path, Bucket], harm: Callable[[Bucket], None], reason: str
) -> None:
    root, bucket = in_bucket
    write_indexes(root)
    harm(bucket)
    with pytest.raises(UserError) as caught:
        build_tables(root, ["masks"], 1)
    assert str(caught.value) == (
        f"{bucket.address}/{FTV} changed while it was read: {reason}. Run `ispy1 repro` again."
    )


def test_keys_of_every_kind(in_bucket: tuple[Path, Bucket]) -> None:
    root, bucket = in_bucket
    n_files = write_indexes(root)
    for key in ("", "masks_ftv/"):  # as a console makes for a folder
        bucket.put(key, b"")
    bucket.put("masks_stv_manual/ISPY1_9001.nii.gz", b"")
    strange = ["../../outside.nii.gz", "a//b", "./c", "q?versionId=1", "q?#x%41 é*.txt", "a::b"]
    for key in strange:
        bucket.put(key, b"hello")
    assert write_indexes(root) == n_files + len(strange)
    build_tables(root, workers=1)
    listed = {row["path"]: row["md5"] for row in rows(root, "blobs") if row["artefact"] == "other"}
    hello = "5d41402abc4b2a76b9719d911017c592"
    assert listed == {
        r"\x2e\x2e/\x2e\x2e/outside.nii.gz": None, r"a/\x2f/b": None, r"\x2e/c": None,
        strange[3]: None, strange[4]: hello, strange[5]: hello,
    }  # fmt: skip
    found = {(row["check"], row["path"]) for row in rows(root, "findings")}
    assert ("no_file", r"\x2e/c") in found
    assert ("blob_unreadable", "masks_stv_manual/ISPY1_9001.nii.gz") in found


def test_more_objects_than_a_page(store: Remote) -> None:
    bucket = Bucket(store, "pages")
    keys = {f"{number % 3}/{number}" for number in range(20)}
    for key in keys:
        bucket.put(key, b"")
    bucket.client.put_object(Bucket=BUCKET, Key=f"{bucket.name}_other/x", Body=b"")
    answer = bucket.client.list_objects_v2(Bucket=BUCKET, Prefix=f"{bucket.name}/")
    assert answer["IsTruncated"]
    assert objects.list_objects(open_address(bucket.address)).keys() == keys


def test_what_a_listing_says_of_other_stores(tmp_path: Path) -> None:
    """Stores without ETags go by time and size, and what changed just now is read again."""
    root, release = tmp_path / "p", open_address(f"memory://{tmp_path.name}")
    (release / "folder").mkdir(parents=True)
    (release / "folder" / "a\nb").write_bytes(b"hello")
    assert {path: size for path, (_, size) in objects.hash_objects(root, release).items()} == {
        "folder/a\nb": 5
    }
    (release / "folder" / "a\nb").write_bytes(b"other")
    digest, _ = objects.hash_objects(root, release)["folder/a\nb"]
    (tmp_path / "other").write_bytes(b"other")
    assert digest == md5(tmp_path / "other")
    (root / ".dvc/tmp/ispy1" / objects.STATE).write_text("{damaged")
    assert objects.hash_objects(root, release)["folder/a\nb"][0] == digest


SFTP = """
import asyncio, asyncssh, pathlib, sys
async def serve(folder, port):
    host, user = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    user.write_private_key(folder / "id")
    user.write_public_key(folder / "id.pub")
    await asyncssh.listen(
        "127.0.0.1", port, server_host_keys=[host], sftp_factory=True,
        authorized_client_keys=str(folder / "id.pub"),
    )
    await asyncio.Event().wait()
asyncio.run(serve(pathlib.Path(sys.argv[1]), int(sys.argv[2])))
"""


def test_a_release_behind_ssh(
    project: Path, built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a server in Python: it comes with the client, and no sshd need be here."""
    pytest.importorskip("sshfs", reason="the extra ssh is not installed")
    port = free_port()
    server = [sys.executable, "-c", SFTP, str(tmp_path), str(port)]
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SSH_AUTH_SOCK", "")
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/config").write_text(f"Host *\n  IdentityFile {tmp_path}/id\n")
    release = shutil.copytree(built / "data/release", tmp_path / "release")
    (release / "masks_other").mkdir()
    (release / "masks_other/ISPY1_9001.nii.gz").symlink_to("/etc/passwd")
    address = f"ssh://somebody@{LOOPBACK}:{port}{release}"
    name_release(project, address)
    with served(server, port, tmp_path / "log"):
        write_indexes(project)
        build_tables(project, workers=1)
        assert rows(project, "masks") == rows(built, "masks")
        (link,) = findings(project, "link_leaves_release", table="masks")
        assert link["path"] == "masks_other/ISPY1_9001.nii.gz"
        (release / FTV).unlink()
        with pytest.raises(UserError, match=rf"{address}/{FTV} .*: it is gone"):
            build_tables(project, ["masks"], 1, reuse=False)


def test_a_large_object_is_hashed_as_it_comes(
    store: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "BATCH_BYTES", 1000)
    monkeypatch.setattr(objects, "PIECE_BYTES", 999)
    bucket = Bucket(store, "large")
    for name, size in (("a", 900), ("b", 5000), ("c", 900)):
        bucket.put(name, bytes(size))
        (tmp_path / name).write_bytes(bytes(size))
    hashes = objects.hash_objects(tmp_path, open_address(bucket.address))
    assert hashes == {n: (md5(tmp_path / n), s) for n, s in (("a", 900), ("b", 5000), ("c", 900))}


@pytest.mark.parametrize(
    ("address", "environment", "reason"),
    [
        (f"s3://{BUCKET}/file", {}, "no such bucket or folder, or it is empty"),
        ("s3://no-such-bucket/release", {}, "no such bucket or folder, or it is empty"),
        (f"s3://{BUCKET}/nothing", {}, "no such bucket or folder, or it is empty"),
        (f"s3://{BUCKET}/x", {"AWS_ACCESS_KEY_ID": None}, r"cannot be read .Unable to locate"),
        (f"s3://{BUCKET}/x", {"AWS_PROFILE": "nobody"}, r"cannot be read .The config profile"),
        (f"s3://{BUCKET}/x", {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, "Could not connect"),
        ("nosuch://place/x", {}, r"cannot be opened .Unsupported filesystem"),
        ("ssh://somebody:secret@host/x", {}, r"release at host holds a password"),
    ],
    ids=["file", "bucket", "empty", "keys", "profile", "endpoint", "scheme", "password"],
)
def test_a_release_out_of_reach_is_a_sentence(
    store: Remote,
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    address: str,
    environment: dict[str, str | None],
    reason: str,
) -> None:
    Bucket(store, "file").client.put_object(Bucket=BUCKET, Key="file", Body=b"no folder")
    for name, value in environment.items():
        monkeypatch.delenv(name) if value is None else monkeypatch.setenv(name, value)
    name_release(project, address)
    with pytest.raises(UserError, match=reason) as caught:
        write_indexes(project)
    assert "secret" not in str(caught.value)


@pytest.mark.usefixtures("store")
def test_a_store_that_never_answers_has_a_limit(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "SILENCE_S", 0.2)
    monkeypatch.setattr(objects, "ANSWER_S", 1.0)
    with socket.create_server((LOOPBACK, 0)) as server:
        threading.Thread(target=server.accept, daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{LOOPBACK}:{server.getsockname()[1]}")
        name_release(project, f"s3://{BUCKET}/x")
        with pytest.raises(UserError, match=r"cannot be read .no answer within 1 s"):
            write_indexes(project)


def test_files_are_put_into_folders_alone(project: Path, tmp_path: Path) -> None:
    name_release(project, "memory://release")
    with pytest.raises(UserError, match=r"the release is memory://release, and files are put into"):
        adopt(tmp_path, project)


def test_repro_end_to_end_and_what_asks_about_the_release(
    store: Remote, built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = Bucket(store, "commands")
    bucket.fill(built / "data" / "release")
    user, env = Tracked(tmp_path / "project"), _environment(store)
    copy_code(user.root, (*PARTS, "splits.csv"))
    name_release(user.root, bucket.address)
    user.run("git init -q && git add -A && git commit -qm start")
    said = user.run("ispy1 repro tables", env=env)
    assert "Running stage 'tables'" in said
    monkeypatch.chdir(user.root)
    for stage in ("split", "gate", "card", "site"):  # here: tests/e2e starts one for each
        assert CliRunner().invoke(app, [stage]).exit_code == 0
    user.run("dvc commit -q -f split gate card site", env=env)
    judged = CliRunner().invoke(app, ["verdict"])  # red: two tiny cases
    assert judged.exit_code == 1
    assert "Details: ispy1 gate, reports/card.md" in judged.output
    assert table_bytes(user.root) == table_bytes(built)
    assert (user.root / "reports/card.png").is_file()
    assert (user.root / "reports/site/cases/ISPY1_9001.png").is_file()
    assert not (user.root / "data/release").exists()

    (blob,) = why(user.root, "masks.volume_cm3", ["ISPY1_9001", "ftv"]).explanations[0].blobs
    assert (blob.path, blob.in_workspace) == (FTV, None)  # the store was not asked
    export(user.root, tmp_path / "export", files=["csv"])
    assert f"{bucket.address}/{FTV}" in (tmp_path / "export/files.csv").read_text()

    bucket.put(FTV, b"hello")
    now = status(user.root)
    assert now.stale.keys() == {"index", "verdict"}  # the verdict is red
    assert now.stale["index"] == f"{bucket.address} modified"
    assert (now.tables, now.changed_blobs) == ([], [FTV])
    assert now.release["path"] == bucket.address
    assert str(now.release["dvc_hash"]).endswith(dvc.FOLDER)
    report = fsck(user.root)
    assert report.checked["release"] == f"{now.release['files']} blobs hashed"
    assert [(p.path, p.repair) for p in report.problems] == [
        (f"{bucket.address}/{FTV}", "ispy1 repro")
    ]

    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    open_address(bucket.address).fs.clear_instance_cache()
    assert list_changed_blobs(user.root, load_profile(user.root)) == []
    assert "Could not connect" in fsck(user.root, quick=True).problems[0].found
    said = user.run("ispy1 repro", ok=False, env={**env, "AWS_ENDPOINT_URL": "http://127.0.0.1:1"})
    assert "cannot be read (Could not connect to the endpoint" in said
    assert "Traceback" not in said
