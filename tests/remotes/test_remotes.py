"""What is pushed comes back byte for byte, whole or in part, and is verified on the way."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from adopting import read_tree
from support import md5
from tracked import Tracked

from remotes.conftest import Remote

MANUAL = "data/release/masks_stv_manual"


def shared_or_read_only(root: Path, folder: str = "data") -> list[Path]:
    """Files that the user cannot write, or whose bytes are the cache's own."""
    cache = {p.stat().st_ino for p in root.parent.rglob(".dvc/cache/**/*") if p.is_file()}
    return [
        path
        for path in (root / folder).rglob("*")
        if path.is_file()
        and (
            not path.stat().st_mode & stat.S_IWUSR
            or path.stat().st_nlink != 1
            or path.stat().st_ino in cache
            or path.is_symlink()
        )
    ]


def test_push_and_pull(tracked: Tracked, remote: Remote, tmp_path: Path) -> None:
    remote.add_to(tracked)
    tracked.run("git commit -qam remote && dvc push", env=remote.environment)
    assert shared_or_read_only(tracked.root) == []
    other = tracked.clone(tmp_path / "clone")

    # A table whose bytes changed in the store does not get in.
    masks = tracked.root / "data/tables/masks.parquet"
    remote.overwrite(md5(masks), masks.read_bytes()[:-1] + b"?")
    said = other.run("dvc pull tables", ok=False, env=remote.environment)
    assert "data/tables" in said
    assert not (other.root / "data/tables/masks.parquet").exists()
    remote.overwrite(md5(masks), masks.read_bytes())

    # The tables alone; then one folder of masks; then all.
    other.run("dvc pull -q tables", env=remote.environment)
    assert other.tables() == tracked.tables()
    assert not other.release.exists()
    other.run(f"dvc pull -q {MANUAL}", env=remote.environment)
    assert read_tree(other.root / MANUAL) == read_tree(tracked.root / MANUAL)
    assert [folder.name for folder in other.release.iterdir()] == ["masks_stv_manual"]
    other.run("dvc pull -q data/release.dvc index", env=remote.environment)
    assert read_tree(other.root / "data") == read_tree(tracked.root / "data")
    assert shared_or_read_only(other.root) == []


def test_a_clone_without_blobs(tracked: Tracked, folder_remote: Remote, tmp_path: Path) -> None:
    """It is told what to pull, passes with the tables alone, and measures only what it edits."""
    folder_remote.add_to(tracked)
    tracked.run("git commit -qam remote && dvc push -q")
    other = tracked.clone(tmp_path / "clone")
    said = other.run("ispy1 repro tables", ok=False)
    assert "dvc pull data/release.dvc" in said
    part = "data/tables/voxels/case_id=ISPY1_9001/voxels.parquet"
    for targets in (f"data/tables/masks.parquet {part}", "tables"):
        other.run(f"dvc pull -q {targets}")
        assert "Running stage" not in other.run("ispy1 repro --allow-missing tables")

    # A part of the release is a smaller release, and the build says so.
    other.run(f"dvc pull -q {MANUAL}")
    said = other.run("dvc repro index")
    assert "data/release lacks 20 file(s) of HEAD's data/release.dvc" in said
    other.run(said.partition("not pulled: ")[2].splitlines()[0])
    assert read_tree(other.release) == read_tree(tracked.release)

    # The unit store is empty; the tables that were pulled take its place.
    other.edit(2)
    said = other.run("dvc repro tables")
    assert "masks: 6 rows, 0 findings; 1 units measured, 5 reused" in said
    assert "voxel_files: 2 rows, 0 findings; 1 units measured, 1 reused" in said
    assert "images:" not in said


def test_adopt_leaves_the_users_files_alone(
    tracked: Tracked, folder_remote: Remote, tmp_path: Path
) -> None:
    """Adopt, build, push, checkout: no file is read-only or shared with the cache."""
    folder_remote.add_to(tracked)
    download = tmp_path / "download"
    tracked.run(f"cp -r data/release '{download}'")
    (download / "masks_ftv/ISPY1_9001.nii.gz").chmod(0o640)

    def facts() -> dict[str, tuple[int, ...]]:
        listed = {p: p.stat() for p in sorted(download.rglob("*")) if p.is_file()}
        return {str(p): (s.st_mode, s.st_ino, s.st_nlink, s.st_mtime_ns) for p, s in listed.items()}

    before = facts()
    tracked.run("git rm -q --cached data/release.dvc && rm -r data/release data/release.dvc")
    tracked.run(f"ispy1 adopt '{download}'")
    assert shared_or_read_only(tracked.root) == []
    tracked.run("dvc repro -q tables && dvc push -q")
    tracked.run("rm -r data/release && dvc checkout -q data/release.dvc")
    assert shared_or_read_only(tracked.root) == []
    assert shared_or_read_only(download, ".") == []
    assert facts() == before
    assert os.access(tracked.release / "masks_ftv/ISPY1_9001.nii.gz", os.W_OK)
