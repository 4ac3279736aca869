"""Pipes, devices and names of other systems in a release: a finding each, all else is built."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from support import build, findings, rows, table_bytes

from etl.model.errors import UserError
from etl.model.release import NO_FILE, NO_NAME
from etl.versions import dvc
from etl.versions.odd_files import IGNORE, find_odd_files

MASKS = "masks_ftv"


def test_what_is_no_file_is_a_finding_and_all_else_is_built(rebuilt: Path) -> None:
    before, release = table_bytes(rebuilt), rebuilt / "data/release"
    os.mkfifo(release / MASKS / "ISPY1_9009.nii.gz")
    os.mkfifo(release / "a [pipe] #1!")
    (release / "zero").symlink_to("/dev/zero")
    bad = os.fsencode(release / MASKS / "ISPY1_") + b"\xff\n.nii.gz"
    with open(bad, "wb") as file:  # noqa: PTH123  no text names it
        file.write(b"x")
    build(rebuilt)
    names = {f"{MASKS}/ISPY1_9009.nii.gz", "a [pipe] #1!", "zero"}
    assert {row["path"] for row in findings(rebuilt, "no_file") if row["table"] == "blobs"} == {
        *names, f"{MASKS}/ISPY1_\\xff\n.nii.gz",
    }  # fmt: skip
    assert set(find_odd_files(release).values()) == {NO_FILE, NO_NAME}
    assert len(rows(rebuilt, "masks")) == 6
    verdicts = {row["path"]: row["verdict"] for row in rows(rebuilt, "blobs")}
    assert all(verdicts[name] == "missing" for name in names)

    for name in names:
        (release / name).unlink()
    os.unlink(bad)  # noqa: PTH108
    build(rebuilt)
    assert table_bytes(rebuilt) == before
    assert not (release.parent / IGNORE).exists()


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "Free space"), (errno.EFBIG, "Free space"),
        (errno.EACCES, "Check the rights"),
        (errno.EIO, "Check the disk"),
    ],
)  # fmt: skip
def test_an_error_of_the_disk_has_its_own_advice(
    release: Path, project: Path, monkeypatch: pytest.MonkeyPatch, number: int, advice: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("dvc_data.hashfile.build.build", refuse)
    with pytest.raises(UserError, match=advice):
        dvc.release_hashes(project, release)
