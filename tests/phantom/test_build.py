from __future__ import annotations

from pathlib import Path

import pytest
from adopting import fill
from support import md5

from etl.model.errors import UserError
from etl.phantom import papers
from etl.phantom.build import make

from .conftest import CASES, Phantom

OLDER = {papers.README: papers.MARK.encode(), "stale.txt": b"left over"}


def list_md5s(folder: Path) -> dict[str, str]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): md5(path) for path in paths}


def test_bytes_do_not_depend_on_workers(phantom: Phantom, tmp_path: Path) -> None:
    make(tmp_path / "again", tmp_path / "truth.parquet", cases=CASES, workers=1)
    assert list_md5s(tmp_path / "again") == list_md5s(phantom.release)
    assert (tmp_path / "truth.parquet").read_bytes() == phantom.truth_path.read_bytes()


def test_a_case_does_not_depend_on_the_others_and_old_files_go(
    phantom: Phantom, tmp_path: Path
) -> None:
    release = tmp_path / "phantom"
    fill(release, OLDER)
    make(release, tmp_path / "truth.parquet", cases=1, workers=1)
    alone, together = list_md5s(release), list_md5s(phantom.release)
    blobs = {path: digest for path, digest in together.items() if "ISPY1_9001" in path}
    assert len(blobs) == 9
    assert {path: d for path, d in alone.items() if path.endswith(".nii.gz")} == blobs
    assert "stale.txt" not in alone
    assert sorted(p.name for p in tmp_path.iterdir()) == ["phantom", "truth.parquet"]


def test_another_seed_gives_another_release(phantom: Phantom, tmp_path: Path) -> None:
    make(tmp_path / "p", tmp_path / "t.parquet", cases=1, seed=2, workers=1)
    name = "masks_stv_manual/ISPY1_9001.nii.gz"
    assert (tmp_path / "p" / name).read_bytes() != (phantom.release / name).read_bytes()


def test_progress_counts_every_case(phantom: Phantom) -> None:
    assert [(done, total) for done, total, _ in phantom.progress] == [
        (done, CASES) for done in range(1, CASES + 1)
    ]
    assert {case_id for _, _, case_id in phantom.progress} == set(phantom.case_ids)


def test_an_interrupted_phantom_leaves_what_was_there(tmp_path: Path) -> None:
    def interrupt(done: int, _total: int, _case_id: str) -> None:
        if done == 2:
            raise KeyboardInterrupt

    fill(tmp_path / "p", OLDER)
    (tmp_path / "t.parquet").write_bytes(b"the older truth")
    before = list_md5s(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        make(tmp_path / "p", tmp_path / "t.parquet", cases=4, workers=2, progress=interrupt)
    assert list_md5s(tmp_path) == before


def test_manifest_lists_the_md5_of_every_blob_and_nothing_else(phantom: Phantom) -> None:
    root = "ISPY1-Tumor-SEG-Radiomics/NIfTI-Files/"
    lines = (phantom.release / "ISPY1-Tumor-SEG-Radiomics.sums").read_text().splitlines()
    listed = {path.removeprefix(root): digest for digest, path in map(str.split, lines)}
    files = list_md5s(phantom.release).items()
    assert len(listed) == 9 * CASES
    assert listed == {path: digest for path, digest in files if path.endswith(".nii.gz")}
    assert list(listed) != sorted(listed)


def test_gzip_carries_no_name_and_no_time(phantom: Phantom) -> None:
    for path in phantom.release.rglob("*.nii.gz"):
        start = path.read_bytes()[:10]
        assert start[:4] == b"\x1f\x8b\x08\x00"
        assert start[4:8] == b"\0\0\0\0"


def test_texts_say_what_it_is(phantom: Phantom) -> None:
    assert "CC0" in (phantom.release / "LICENSE").read_text()
    assert (phantom.release / "README").read_text().startswith("Synthetic phantom")
    lines = (phantom.release / "captk_parameter_file_ispy1.csv").read_text().splitlines()
    assert lines[0] == "FeatureName,ParamName,Type,Range,Default,Comments"
    assert all(line.count(",") >= 5 for line in lines)
    assert "10:10:100" in {line.split(",", 5)[4] for line in lines}
    assert any(mark in lines[4].split(",", 5)[5] for mark in ";|:")


@pytest.mark.parametrize(
    ("name", "value"), [("cases", 0), ("cases", 1000), ("seed", -1), ("scale", "tiny")]
)
def test_bad_parameters_are_told(tmp_path: Path, name: str, value: object) -> None:
    with pytest.raises(UserError, match=name):
        make(tmp_path / "p", tmp_path / "t.parquet", **{name: value})  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_no_phantom_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match="not a phantom"):
        make(tmp_path / "mine", tmp_path / "t.parquet", cases=1)
    assert (tmp_path / "mine" / "thesis.txt").is_file()
