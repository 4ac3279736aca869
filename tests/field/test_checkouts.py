"""Projects as servers and unpackers leave them: subfolders, lost environments, no git, links."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from support import ROOT, make_project

from etl.adopt import adopt
from etl.model.errors import UserError
from etl.versions import dvc, objects
from etl.versions.hook import install_hook
from etl.versions.track import require_tracking


def git(folder: Path, *words: str) -> str:
    own = ["-c", "user.name=t", "-c", "user.email=t@t.invalid"]
    done = subprocess.run(
        ["git", *own, *words], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout + done.stderr


@pytest.fixture
def sub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project in a subfolder of a repository, with two commits, and a `dvc` that says where."""
    root, tools = tmp_path / "repo/a b/project", tmp_path / "tools"
    root.mkdir(parents=True)
    tools.mkdir()
    (tools / "dvc").write_text(f'#!/bin/sh\npwd > "{tmp_path}/where"\n')
    (tools / "dvc").chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tools / "python"))
    git(tmp_path, "init", "-q", "-b", "main", "repo")
    for number in (1, 2):
        (root / "file").write_text(str(number))
        git(root, "add", ".")
        git(root, "commit", "-qm", str(number))
    install_hook(root)
    return root


def test_the_hook_enters_the_projects_folder(sub: Path, tmp_path: Path) -> None:
    git(tmp_path / "repo", "checkout", "-q", "HEAD~1")
    assert (tmp_path / "where").read_text() == f"{sub}\n"


def test_the_hook_says_that_its_environment_is_gone(sub: Path, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "tools")
    said = git(sub, "checkout", "-q", "HEAD~1")
    assert f"{tmp_path}/tools is gone, so the data did not follow. Run make" in said


def test_what_cannot_be_tracked_is_said_before_anything_is_copied(tmp_path: Path) -> None:
    root, source = make_project(tmp_path / "project"), tmp_path / "source"
    source.mkdir()
    require_tracking(root)
    shutil.rmtree(root / ".git")
    with pytest.raises(UserError, match=r"is under no git .* git init"):
        adopt(source, root)
    (root / "data/release").rmdir()
    (root / "data/release").symlink_to(source)
    with pytest.raises(UserError, match=r"is a link to .* Remove the link"):
        adopt(source, root)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a folder to another user")
def test_a_folder_of_another_user_is_said_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_project(tmp_path / "project")
    os.chown(root, 12345, 12345)
    os.chown(root / ".git", 12345, 12345)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(UserError, match=r"git config --global --add safe.directory"):
        require_tracking(root)


def test_line_ends_are_never_changed_by_a_checkout() -> None:
    assert "* -text" in (ROOT / ".gitattributes").read_text().splitlines()


def test_a_remote_that_never_answers_has_a_limit(
    project: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("dvc_s3", reason="the extra s3 is not installed")
    monkeypatch.setattr(objects, "SILENCE_S", 0.2)
    monkeypatch.setattr(objects, "ANSWER_S", 1.0)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=server.accept, daemon=True).start()
        (project / ".dvc").mkdir(exist_ok=True)
        (project / ".dvc/config").write_text(
            "[core]\n    remote = silent\n['remote \"silent\"']\n    url = s3://bucket\n"
            f"    endpointurl = http://127.0.0.1:{server.getsockname()[1]}\n"
        )
        with pytest.raises(UserError, match=r"silent cannot be used .no answer within 1 s"):
            dvc.list_remote(project, ["0" * 32])
    assert "waiting for an answer of the remote silent" in caplog.text
    assert (project / dvc.SITE_CACHE).is_dir()
