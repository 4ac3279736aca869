"""A cache that users of a server share, with `cache.type symlink` (DVC, shared caches)."""

from pathlib import Path

from dvc.repo import Repo

from etl.adopt import adopt
from etl.model.release import LINK_OUTSIDE
from etl.versions.dvc import release_hashes


def test_a_link_into_the_cache_named_by_the_hash_is_the_file(bare: Path, tmp_path: Path) -> None:
    Repo.init(str(bare), no_scm=True)
    (bare / ".dvc/config").write_text(
        f"[core]\n no_scm = true\n[cache]\n dir = {tmp_path / 'shared'}\n type = symlink\n"
    )
    release = bare / "data/release"
    mask, other = release / "masks_ftv/ISPY1_9001.nii.gz", tmp_path / "other"
    mask.parent.mkdir(parents=True)
    mask.write_bytes(b"abc")
    other.write_bytes(b"o")
    with Repo(str(bare)) as repo:
        repo.add(str(release))
    assert mask.is_symlink()
    (mask.parent / "ISPY1_9002.nii.gz").symlink_to(other)
    (mask.parent / "ISPY1_9003.nii.gz").symlink_to(mask.resolve())
    steps: list[tuple[int, int]] = []
    found = release_hashes(bare, release, lambda *step: steps.append(step))
    assert steps[-1] == (3, 3)
    md5 = ("900150983cd24fb0d6963f7d28e17f72", 3)
    assert found["masks_ftv/ISPY1_9001.nii.gz"] == found["masks_ftv/ISPY1_9003.nii.gz"] == md5
    assert found["masks_ftv/ISPY1_9002.nii.gz"][0] == LINK_OUTSIDE
    # And so it is where another project's release is adopted.
    source = tmp_path / "theirs/masks_ftv"
    source.mkdir(parents=True)
    (source / mask.name).symlink_to(mask.resolve())
    (source / "ISPY1_9002.nii.gz").symlink_to(other)
    report = adopt(source.parent, bare, dry_run=True)
    assert [taken.action for taken in report.taken] == ["unchanged"]
    assert [note.path for note in report.refused] == ["masks_ftv/ISPY1_9002.nii.gz"]
