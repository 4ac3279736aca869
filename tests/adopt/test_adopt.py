"""What people have on disk goes in, a canonical release comes out, and nothing is lost."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from dvc.repo import Repo
from typer.testing import CliRunner

import etl.adopt.execute
import etl.adopt.foresee
import etl.adopt.memory
import etl.adopt.place
from etl.adopt import Report, adopt
from etl.adopt.tell import escape, format_report
from etl.model.errors import UserError
from etl.model.profile import load_profile
from etl.model.project import params
from etl.model.release import list_blobs_of_case

HERE = Path(__file__).parents[2]
PROFILE = load_profile(HERE, "ispy1_tcia")
N3 = PROFILE.image_sets["n3"].folder
ZSCORED = PROFILE.image_sets["zscored"].folder
CLINICAL = PROFILE.files["clinical"][0]
FEATURES = PROFILE.files["features"][0]
MANIFEST = PROFILE.files["manifest"][0]
CASE = "ISPY1_1002"
PARAMS = """\
# the release that the pipeline reads
release: data/phantom
profile: phantom  # what it is expected to be
phantom:
  cases: 12
"""


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A project with its parameters and profiles, and no DVC."""
    root = tmp_path / "project"
    shutil.copytree(HERE / "expectations" / "profiles", root / "expectations" / "profiles")
    (root / "params.yaml").write_text(PARAMS)
    (root / "dvc.yaml").write_text("stages: {}\n")
    (root / "data").mkdir()
    params.cache_clear()
    return root


@pytest.fixture
def root(bare: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same project, where DVC is taken for granted."""
    monkeypatch.setattr(
        etl.adopt.execute,
        "add_release",
        lambda root: (root / "data/release.dvc").write_text("outs: []"),
    )
    monkeypatch.setattr(etl.adopt.foresee, "find_cache", lambda root: root / ".dvc/cache")
    return bare


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "download"
    folder.mkdir()
    return folder


def put(folder: Path, path: str, content: bytes | str = b"") -> Path:
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode() if isinstance(content, str) else content
    file.write_bytes(data or path.encode())
    return file


def put_case(folder: Path, case_id: str = CASE) -> None:
    for blob in list_blobs_of_case(case_id, PROFILE):
        put(folder, blob.path)


def tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def actions(report: Report) -> dict[str, str]:
    return {taken.target: taken.action for taken in report.taken}


def told(report: Report) -> str:
    return "\n".join(format_report(report))


def manifest_line(path: str, content: bytes) -> str:
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    return f"{md5} ISPY1-Tumor-SEG-Radiomics/NIfTI-Files/{path}\n"


# --- what is taken, and where to


@pytest.mark.parametrize("prefix", ["", "NIfTI-Files/", "ISPY1-Tumor-SEG-Radiomics/NIfTI-Files/"])
def test_any_root_gives_the_same_release(root: Path, source: Path, prefix: str) -> None:
    for blob in list_blobs_of_case(CASE, PROFILE):
        put(source, prefix + blob.path, blob.path)
    before = tree(source)
    report = adopt(source, root)
    release = tree(root / "data/release")
    assert release == {blob.path: blob.path.encode() for blob in list_blobs_of_case(CASE, PROFILE)}
    assert tree(source) == before
    assert report.missing.incomplete_cases == ()
    assert len(report.missing.absent_cases) == 162
    assert report.is_complete


def test_zscored_images_without_their_ending_get_it(root: Path, source: Path) -> None:
    put(source, f"{ZSCORED}/{CASE}/{CASE}_DCE_0000_N3.nii", b"z")
    put(source, f"{N3}/{CASE}/{CASE}_DCE_0000_N3.nii", b"n")
    adopt(source, root)
    assert tree(root / "data/release") == {
        f"{N3}/{CASE}/{CASE}_DCE_0000_N3.nii": b"n",
        f"{ZSCORED}/{CASE}/{CASE}_DCE_0000_N3_zscored.nii": b"z",
    }


@pytest.mark.parametrize(
    ("folder", "file"),
    [
        ("masks_ftv", "ISPY1_1002.nii.gz"),
        (f"{ZSCORED}/{CASE}", f"{CASE}_DCE_0000_N3.nii"),
        (f"{ZSCORED}", f"{CASE}/{CASE}_DCE_0000_N3.nii"),
    ],
)
def test_the_name_of_the_folder_itself_counts(
    root: Path, source: Path, folder: str, file: str
) -> None:
    put(source / folder, file)
    (taken,) = adopt(source / folder, root).taken
    assert taken.target.startswith(("masks_ftv/", ZSCORED))


def test_workbooks_manifest_and_litter(root: Path, source: Path) -> None:
    put(source, "a/b/I-SPY+1+All+Patient+Clinical+and+Outcome+Data (1).xlsx", b"clinical")
    put(source, f"x/{FEATURES}", b"features")
    put(source, "captk_parameter_file_ispy1.csv", b"parameters")
    put(source, "sums/any.sums", b"manifest")
    put(source, "README", b"readme")
    put(source, ".DS_Store")
    put(source, f"masks_ftv/._{CASE}.nii.gz")
    put(source, "__MACOSX/masks_ftv/ISPY1_1002.nii.gz")
    put(source, "notes.docx")
    report = adopt(source, root)
    assert tree(root / "data/release") == {
        CLINICAL: b"clinical",
        FEATURES: b"features",
        "captk_parameter_file_ispy1.csv": b"parameters",
        "any.sums": b"manifest",
        "README": b"readme",
    }
    assert report.unrecognised == ("notes.docx",)
    assert report.litter == 3
    assert report.missing.files == ()


def test_a_users_mask_folder_is_a_mask_set(root: Path, source: Path) -> None:
    put(source, "masks_nnUNet-2/ISPY1-1002.nii")
    put(source, "masks_FTV/ISPY1_1002.nii")
    put(source, "masks_a b/ISPY1_1002.nii")
    report = adopt(source, root)
    assert list(tree(root / "data/release")) == ["masks_nnUNet-2/ISPY1_1002.nii"]
    assert [note.path for note in report.not_taken] == [
        "masks_FTV/ISPY1_1002.nii",
        "masks_a b/ISPY1_1002.nii",
    ]


def test_unicode_and_odd_names(root: Path, source: Path) -> None:
    put(source, "Müller 年/masks_ftv/ISPY1_1002.nii.gz", b"m")
    put(source, "evil\x1b[31m\n.sums", b"x")
    bad = os.fsencode(source) + b"/caf\xe9.txt"
    Path(os.fsdecode(bad)).write_bytes(b"x")
    report = adopt(source, root)
    assert tree(root / "data/release") == {"masks_ftv/ISPY1_1002.nii.gz": b"m"}
    assert [note.reason for note in report.not_taken] == ["its name holds control characters"]
    text = "\n".join(format_report(report))
    assert "\x1b" not in text
    text.encode()
    json.dumps(report.as_dict()).encode()


# --- CaPTk's own outputs


LONG = "SubjectID,Modality,ROILabel,FeatureFamily,Feature,Value,Parameters\n1002,T1,E,G,M,1,\n"
WIDE = "SubjectID,T1_E_Intensity_Mean\n1002,1\n"


@pytest.mark.parametrize("text", [LONG, WIDE, "\ufeff" + WIDE])
def test_captk_outputs_are_known_by_their_header(root: Path, source: Path, text: str) -> None:
    put(source, "out/radiomics.csv", text)
    put(source, "out/other.csv", "SubjectID,age\n1002,1\n")
    report = adopt(source, root)
    assert tree(root / "data/release") == {"ISPY_DataPaper_features.csv": text.encode()}
    assert report.unrecognised == ("out/other.csv",)


def test_a_features_workbook_goes_before_captk_outputs(root: Path, source: Path) -> None:
    put(source, "out/radiomics.csv", LONG)
    put(source, FEATURES, b"workbook")
    report = adopt(source, root)
    assert list(tree(root / "data/release")) == [FEATURES]
    assert [note.path for note in report.not_taken] == ["out/radiomics.csv"]


def test_a_features_workbook_of_the_release_goes_first_too(root: Path, source: Path) -> None:
    put(source, FEATURES, b"workbook")
    adopt(source, root)
    (source / FEATURES).unlink()
    put(source, "radiomics.csv", WIDE)
    put_case(source)
    adopt(source, root)
    assert not (root / "data/release/ISPY_DataPaper_features.csv").exists()
    adopt(source, root, prune=True)
    assert (root / "data/release/ISPY_DataPaper_features.csv").read_text() == WIDE


def test_new_names_and_places_are_told(root: Path, source: Path) -> None:
    for phase in range(3):
        put(source, f"{ZSCORED}/{CASE}/{CASE}_DCE_{phase:04d}_N3.nii.gz")
        put(source, f"{N3}/{CASE}/{CASE}_DCE_{phase:04d}_N3.nii.gz")
    workbook = "a/I-SPY+1+All+Patient+Clinical+and+Outcome+Data (1).xlsx"
    put(source, workbook)
    put(source, f"b/{FEATURES}")
    text = told(adopt(source, root, dry_run=True))
    old = f"{CASE}_DCE_0000_N3"
    assert (
        f"would rename   3 files (3 got _zscored), e.g. {old}.nii.gz -> {old}_zscored.nii.gz"
        in text
    )
    assert f"would rename   {workbook} -> {CLINICAL}" in text
    assert f"would move     b/{FEATURES} -> {FEATURES}" in text
    text = told(adopt(source, root))
    assert f"\nrenamed        {workbook} -> {CLINICAL}" in text
    assert f"\nmoved          b/{FEATURES} -> {FEATURES}" in text
    text = told(adopt(source, root))
    assert "renamed" not in text
    assert "moved" not in text


def test_the_next_step(root: Path, source: Path) -> None:
    put_case(source)
    done = "next: ispy1 repro, then: git add -A && git commit"
    assert told(adopt(source, root)).endswith(f"\n{done}")
    text = told(adopt(source, root))
    assert text.endswith("\nnothing changed")
    assert "\nnext" not in text
    assert told(adopt(source, root, dry_run=True)).endswith("\nnothing would change")
    # DVC heard of it only now: a run was killed before it came that far.
    (root / "data/release.dvc").write_text("older")
    assert told(adopt(source, root)).endswith(f"\n{done}")


def test_missing_cases_are_named(root: Path, source: Path) -> None:
    for number in range(9001, 9012):
        put_case(source, f"ISPY1_{number}")
    text = told(adopt(source, root))
    assert "1 of 12 cases has no image or mask: ISPY1_9012\n" in text
    shutil.rmtree(source)
    put_case(source, "ISPY1_9001")
    text = told(adopt(source, root, prune=True))
    assert "11 of 12 cases have no image or mask: ISPY1_9002, " in text
    assert "ISPY1_9006 and 6 more (--json lists all)\n" in text


def nifti(size: int, magic: bytes) -> bytes:
    return size.to_bytes(4, "little") + bytes(340) + magic


@pytest.mark.parametrize(
    ("content", "is_damaged"),
    [
        (b"<html>404</html>", True),
        (bytes(1000), True),
        (gzip.compress(b"x", mtime=0), False),
        (nifti(348, b"n+1\0"), False),
        (nifti(0, b"n+1\0"), False),
        (nifti(540, b""), False),
        ((348).to_bytes(4, "big"), False),
    ],
)
def test_what_is_no_nifti_file_looks_damaged(
    root: Path, source: Path, content: bytes, *, is_damaged: bool
) -> None:
    put(source, "masks_ftv/ISPY1_1002.nii.gz", content)
    put(source, CLINICAL, b"no image either")
    for _ in range(2):
        report = adopt(source, root)
        assert report.damaged == (("masks_ftv/ISPY1_1002.nii.gz",) if is_damaged else ())
        assert report.is_complete
        assert ("looks damaged  1 file: masks_ftv/" in told(report)) == is_damaged
    assert len(tree(root / "data/release")) == 2


# --- doubles

MASK = "masks_ftv/ISPY1_1002"


def test_packed_goes_before_unpacked(root: Path, source: Path) -> None:
    put(source, f"{MASK}.nii")
    put(source, f"{MASK}.nii.gz")
    report = adopt(source, root)
    assert list(tree(root / "data/release")) == [f"{MASK}.nii.gz"]
    assert report.doubles[0].others == (f"{MASK}.nii",)


def test_the_form_that_the_manifest_knows_goes_first(root: Path, source: Path) -> None:
    put(source, f"{MASK}.nii", b"raw")
    put(source, f"{MASK}.nii.gz", b"gz")
    put(source, MANIFEST, manifest_line(f"{MASK}.nii", b"something else"))
    report = adopt(source, root)
    assert f"{MASK}.nii" in tree(root / "data/release")
    assert "manifest" in report.doubles[0].reason


def test_the_publishers_md5_decides(root: Path, source: Path) -> None:
    put(source, f"old/{MASK}.nii.gz", b"broken")
    put(source, f"x/y/new/{MASK}.nii.gz", b"published")
    put(source, f"{MASK}.nii", b"raw")
    put(source, MANIFEST, manifest_line(f"{MASK}.nii.gz", b"published"))
    report = adopt(source, root)
    assert (root / f"data/release/{MASK}.nii.gz").read_bytes() == b"published"
    assert report.is_complete
    assert len(report.doubles[0].others) == 2


def test_equal_doubles_are_one_file(root: Path, source: Path) -> None:
    put(source, f"a/{MASK}.nii.gz", b"same")
    put(source, f"b/{MASK}.nii.gz", b"same")
    report = adopt(source, root)
    assert report.is_complete
    assert report.doubles[0].reason == "same content"


def test_different_doubles_are_refused_and_the_rest_goes_on(root: Path, source: Path) -> None:
    put(source, f"a/{MASK}.nii.gz", b"one")
    put(source, f"b/{MASK}.nii.gz", b"two")
    put(source, "masks_ftv/ISPY1_1003.nii.gz")
    report = adopt(source, root)
    assert list(tree(root / "data/release")) == ["masks_ftv/ISPY1_1003.nii.gz"]
    assert not report.is_complete
    assert report.refused[0].path == f"a/{MASK}.nii.gz, b/{MASK}.nii.gz"


def test_what_is_refused_is_not_pruned(root: Path, source: Path) -> None:
    put_case(source)
    adopt(source, root)
    put(source, f"again/{MASK}.nii.gz", b"two")
    report = adopt(source, root, prune=True)
    assert (root / f"data/release/{MASK}.nii.gz").is_file()
    assert report.removed == ()


# --- links, special files, bad folders


def test_links_out_are_refused_and_links_inside_are_followed(
    root: Path, source: Path, tmp_path: Path
) -> None:
    secret = put(tmp_path, "secret/ISPY1_1003.nii.gz")
    put(source, "results/run5/ISPY1_1002.nii.gz", b"mine")
    (source / "masks_mine").symlink_to("results/run5")
    (source / "masks_ftv").symlink_to(secret.parent)
    put(source, "masks_stv_manual/ISPY1_1002.nii.gz")
    (source / "masks_stv_manual/ISPY1_1003.nii.gz").symlink_to(secret)
    (source / "masks_stv_manual/ISPY1_1004.nii.gz").symlink_to("nowhere")
    (source / "masks_stv_manual/ISPY1_1005.nii.gz").symlink_to("ISPY1_1002.nii.gz")
    report = adopt(source, root)
    assert list(tree(root / "data/release")) == [
        "masks_mine/ISPY1_1002.nii.gz",
        "masks_stv_manual/ISPY1_1002.nii.gz",
        "masks_stv_manual/ISPY1_1005.nii.gz",
    ]
    assert [note.path for note in report.refused] == [
        "masks_ftv",
        "masks_stv_manual/ISPY1_1003.nii.gz",
        "masks_stv_manual/ISPY1_1004.nii.gz",
    ]
    assert not (root / "data/release/masks_stv_manual/ISPY1_1005.nii.gz").is_symlink()
    assert report.unrecognised == ()


def test_loops_end(root: Path, source: Path) -> None:
    put_case(source)
    (source / "again").symlink_to(".")
    (source / "masks_ftv/up").symlink_to("..")
    (source / "a").symlink_to("b")
    (source / "b").symlink_to("a")
    report = adopt(source, root)
    assert len(report.taken) == 9
    assert [note.path for note in report.refused] == ["a", "b"]


def test_special_files_are_refused(root: Path, source: Path) -> None:
    put_case(source)
    os.mkfifo(source / "masks_ftv/ISPY1_1003.nii.gz")
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(source)  # the name of a socket is short
        server.bind("s")
        os.chdir(here)
    report = adopt(source, root)
    assert [note.path for note in report.refused] == ["masks_ftv/ISPY1_1003.nii.gz", "s"]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("nothing", "does not exist"),
        ("file", "is a file"),
        ("empty", "holds no file"),
        ("alien", r"nothing of a release of ispy1_tcia \(1 file looked at\)"),
        ("project/data/release/masks_ftv", "the release itself"),
        ("link", "the release itself"),
    ],
)
def test_a_bad_path_is_one_sentence(root: Path, tmp_path: Path, path: str, reason: str) -> None:
    put(tmp_path, "file")
    put(tmp_path, "alien/x.txt")
    put(root, f"data/release/{MASK}.nii.gz")
    (tmp_path / "empty/inner").mkdir(parents=True)
    (tmp_path / "link").symlink_to(root / "data/release")
    with pytest.raises(UserError, match=reason) as caught:
        adopt(tmp_path / path, root)
    assert "\n" not in str(caught.value)


def test_unreadable_folders(root: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_case(source)
    adopt(source, root)
    scandir = os.scandir

    def denied(path: Any) -> Any:  # noqa: ANN401
        if Path(path) in refused:
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", denied)
    refused = [source / "masks_ftv"]
    report = adopt(source, root, prune=True)
    assert [note.path for note in report.refused] == ["masks_ftv/"]
    assert report.removed == ()
    assert report.prune_skipped is not None
    assert len(tree(root / "data/release")) == 9
    for folder in (source, root / "data/release/masks_ftv"):
        refused = [folder]
        with pytest.raises(UserError, match="Permission denied"):
            adopt(source, root)


def test_a_target_that_cannot_be_written(root: Path, source: Path) -> None:
    put_case(source)
    (root / "data/release").write_text("a file in the way")
    with pytest.raises(UserError, match="data/release: cannot be"):
        adopt(source, root)


def test_a_read_only_target(root: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_case(source)

    def read_only(self: Path, *_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system", str(self))

    monkeypatch.setattr(Path, "mkdir", read_only)
    with pytest.raises(UserError, match="Read-only file system"):
        adopt(source, root)


def test_a_link_in_the_release_cannot_lead_out(root: Path, source: Path, tmp_path: Path) -> None:
    put_case(source)
    (tmp_path / "elsewhere").mkdir()
    (root / "data/release").mkdir()
    (root / "data/release/masks_ftv").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="leaves the release"):
        adopt(source, root)
    assert tree(tmp_path / "elsewhere") == {}


# --- again, and again


def test_a_second_run_copies_nothing(
    root: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_case(source)
    adopt(source, root)
    before = {p: p.stat().st_mtime_ns for p in (root / "data/release").rglob("*")}

    def unread(*_: object) -> bool:
        pytest.fail("what is known to be equal is read again")

    monkeypatch.setattr(etl.adopt.compare, "is_same", unread)
    report = adopt(source, root)
    assert set(actions(report).values()) == {"unchanged"}
    assert (report.bytes_to_copy, report.params_changed) == (0, False)
    assert {p: p.stat().st_mtime_ns for p in (root / "data/release").rglob("*")} == before


def test_without_its_memory_it_compares_content(root: Path, source: Path) -> None:
    put_case(source)
    adopt(source, root)
    etl.adopt.memory.memory_path(root).write_text("[broken")
    assert set(actions(adopt(source, root)).values()) == {"unchanged"}


@pytest.mark.parametrize("side", ["source", "release"])
def test_an_edit_of_equal_size_and_time_is_seen(root: Path, source: Path, side: str) -> None:
    put_case(source)
    adopt(source, root)
    file = (source if side == "source" else root / "data/release") / f"{MASK}.nii.gz"
    info, content = file.stat(), file.read_bytes()
    file.write_bytes(content[::-1])
    os.utime(file, ns=(info.st_atime_ns, info.st_mtime_ns))
    assert actions(adopt(source, root))[f"{MASK}.nii.gz"] == "replaced"
    wanted = content[::-1] if side == "source" else content
    assert (root / f"data/release/{MASK}.nii.gz").read_bytes() == wanted


def test_what_this_folder_does_not_have_stays_until_pruned(root: Path, source: Path) -> None:
    put_case(source)
    put(source, "masks_mine/ISPY1_1002.nii.gz")
    adopt(source, root)
    shutil.rmtree(source / "masks_mine")
    report = adopt(source, root)
    assert report.not_in_source == ("masks_mine/ISPY1_1002.nii.gz",)
    assert (root / "data/release/masks_mine/ISPY1_1002.nii.gz").is_file()
    assert "\nkept           1 file: masks_mine/" in told(report)
    # Of part of a download most of the release is elsewhere: a count and a few names say so.
    report = adopt(source / N3, root)
    assert len(report.not_in_source) == 7
    assert "\nkept           7 files: " in told(report)
    assert " and 2 more (--json lists all); of the release, not in this folder" in told(report)


@pytest.mark.parametrize("text", [None, "{}", f'{{"{MASK}.nii.gz": [[1], [2]]}}'])
def test_a_memory_that_is_gone_or_odd_only_costs_time(
    root: Path, source: Path, text: str | None
) -> None:
    put_case(source)
    adopt(source, root)
    memory = etl.adopt.memory.memory_path(root)
    memory.unlink() if text is None else memory.write_text(text)
    assert not adopt(source, root).is_changed


def test_pruning_says_what_goes_and_spares_own_masks(
    root: Path, source: Path, tmp_path: Path
) -> None:
    put_case(source)
    put(source, "masks_mine/ISPY1_1002.nii.gz")
    for number in range(1003, 1033):
        put(source, f"masks_ftv/ISPY1_{number}.nii.gz")
    adopt(source, root)
    put_case(tmp_path / "other")
    before = tree(root / "data/release")
    report = adopt(tmp_path / "other", root, prune=True, dry_run=True)
    assert tree(root / "data/release") == before
    assert "\nwould remove   30 files\n" in told(report)
    assert told(report).count(" masks_ftv/") == 20
    assert " and 10 more (--json lists all)\n" in told(report)
    report = adopt(tmp_path / "other", root, prune=True)
    assert len(report.removed) == 30
    assert report.kept == ("masks_mine/ISPY1_1002.nii.gz",)
    assert "\nremoved        30 files\n" in told(report)
    assert " masks_ftv/ISPY1_1003.nii.gz\n" in told(report)
    assert len(tree(root / "data/release")) == 10


def test_another_form_replaces_and_leaves_no_double(root: Path, source: Path) -> None:
    raw = put(source, f"{MASK}.nii", b"voxels")
    adopt(source, root)
    put(source, f"{MASK}.nii.gz", gzip.compress(b"voxels"))
    report = adopt(source, root)
    assert list(tree(root / "data/release")) == [f"{MASK}.nii.gz"]
    assert report.taken[0].replaces == (f"{MASK}.nii",)
    # An unpacked copy of what the release holds brings nothing; changed voxels do.
    (source / f"{MASK}.nii.gz").unlink()
    assert set(actions(adopt(source, root)).values()) == {"unchanged"}
    assert list(tree(root / "data/release")) == [f"{MASK}.nii.gz"]
    raw.write_bytes(b"others")
    adopt(source, root)
    assert tree(root / "data/release") == {f"{MASK}.nii": b"others"}


def test_files_that_dvc_protects_are_replaced_not_written(root: Path, source: Path) -> None:
    put(source, f"{MASK}.nii.gz", b"old")
    adopt(source, root)
    released = root / f"data/release/{MASK}.nii.gz"
    cached = root / "cached"
    os.link(released, cached)
    cached.chmod(0o444)
    put(source, f"{MASK}.nii.gz", b"new")
    adopt(source, root)
    assert released.read_bytes() == b"new"
    assert cached.read_bytes() == b"old"


def test_a_file_that_changes_meanwhile_is_not_kept(
    root: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_case(source)
    block = etl.adopt.place._read_block
    file = source / f"{MASK}.nii.gz"

    def growing(handle: int) -> bytes:
        if os.fstat(handle).st_ino == file.stat().st_ino and file.stat().st_size < 100:
            with file.open("ab") as out:
                out.write(b"more" * 100)
        return block(handle)

    monkeypatch.setattr(etl.adopt.place, "_read_block", growing)
    monkeypatch.setattr(etl.adopt.place, "_share", lambda *_: False)
    report = adopt(source, root)
    assert [note.path for note in report.refused] == [f"{MASK}.nii.gz"]
    assert "changed while" in report.refused[0].reason
    assert len(tree(root / "data/release")) == 8
    assert f"{MASK}.nii.gz" in report.missing.paths


def test_too_little_space_is_told_before_anything_is_copied(
    root: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_case(source)
    monkeypatch.setattr(etl.adopt.foresee, "measure_free_bytes", lambda _: 10)
    monkeypatch.setattr(etl.adopt.place, "_share", lambda *_: False)
    assert adopt(source, root, dry_run=True).bytes_free == 10
    with pytest.raises(UserError, match="10 B are free"):
        adopt(source, root)
    assert tree(root / "data/release") == {}


def test_a_killed_run_is_resumed(root: Path, source: Path) -> None:
    put_case(source)
    program = (
        "import os, signal, sys; from pathlib import Path\n"
        "from etl.adopt import adopt\n"
        "def step(done, total):\n"
        "    if done * 2 > total: os.kill(os.getpid(), signal.SIGKILL)\n"
        "adopt(Path(sys.argv[1]), Path(sys.argv[2]), progress=step)\n"
    )
    command = [sys.executable, "-c", program, str(source), str(root)]
    env = {**os.environ, "PYTHONPATH": str(HERE)}
    assert subprocess.run(command, check=False, env=env).returncode == -signal.SIGKILL
    half = actions(adopt(source, root, dry_run=True))
    assert {"added", "unchanged"} == set(half.values())
    assert actions(adopt(source, root)) == half
    assert tree(root / "data/release") == tree(source)


def test_two_at_once_are_refused(root: Path, source: Path) -> None:
    put_case(source)
    with etl.adopt.place.lock_release(root), pytest.raises(UserError, match="another ispy1 adopt"):
        adopt(source, root)


def test_dry_run_changes_nothing(root: Path, source: Path) -> None:
    put_case(source)
    before = tree(root)
    report = adopt(source, root, dry_run=True)
    assert tree(root) == before
    assert not (root / ".dvc").exists()
    assert set(actions(report).values()) == {"added"}
    assert report.params_changed
    assert report.missing.incomplete_cases == ()


def test_a_tracked_release_that_is_not_here_is_not_overwritten(root: Path, source: Path) -> None:
    put_case(source)
    (root / "data/release.dvc").write_text("outs: []")
    with pytest.raises(UserError, match="dvc pull"):
        adopt(source, root)
    assert len(adopt(source, root, prune=True).taken) == 9


# --- profiles and params.yaml


def test_the_ids_choose_the_profile(root: Path, source: Path) -> None:
    put_case(source, "ISPY1_9001")
    report = adopt(source, root)
    assert report.profile == "phantom"
    assert params(root)["release"] == "data/release"
    assert params(root)["profile"] == "phantom"


def test_params_are_switched_and_comments_kept(root: Path, source: Path) -> None:
    put_case(source)
    assert adopt(source, root).params_changed
    lines_after = (root / "params.yaml").read_text().splitlines()
    assert lines_after[:2] == [PARAMS.splitlines()[0], "release: data/release"]
    assert lines_after[2].split("# ")[1] == "what it is expected to be"
    assert lines_after[3:] == PARAMS.splitlines()[3:]


def test_two_data_sets_make_no_release(root: Path, source: Path, tmp_path: Path) -> None:
    put_case(source)
    adopt(source, root)
    put_case(tmp_path / "other", "ISPY1_9001")
    with pytest.raises(UserError, match="Two data sets"):
        adopt(tmp_path / "other", root)
    report = adopt(tmp_path / "other", root, prune=True)
    assert report.profile == "phantom"
    assert len(report.removed) == 9


def test_own_masks_that_stay_do_not_hold_a_new_data_set_back(
    root: Path, source: Path, tmp_path: Path
) -> None:
    for number in range(1002, 1005):
        put(source, f"masks_ftv/ISPY1_{number}.nii.gz")
        put(source, f"masks_mine/ISPY1_{number}.nii.gz")
    adopt(source, root)
    put_case(tmp_path / "other", "ISPY1_9001")
    assert len(adopt(tmp_path / "other", root, prune=True).kept) == 3
    assert adopt(tmp_path / "other", root).profile == "phantom"


def test_a_profile_can_be_asked_for_and_stays(root: Path, source: Path) -> None:
    folder = root / "expectations/profiles"
    shutil.copy(folder / "ispy1_tcia.yaml", folder / "mine.yaml")
    put_case(source)
    assert adopt(source, root, profile="mine").profile == "mine"
    assert adopt(source, root).profile == "mine"
    with pytest.raises(UserError, match="There are: ispy1_tcia, mine, phantom"):
        adopt(source, root, profile="yours")


# --- a user's own masks


def test_a_mask_set_of_any_spelling(root: Path, source: Path, tmp_path: Path) -> None:
    for number in range(1002, 1008):
        put_case(source, f"ISPY1_{number}")
    adopt(source, root)
    mine = tmp_path / "predictions"
    put(mine, "ISPY1_1002.nii.gz", b"a")
    put(mine, "ISPY1-1003.nii", b"b")
    put(mine, "1004.nii.gz", b"c")
    put(mine, "1005/1005.nii.gz", b"d")
    put(mine, "1006/1007.nii.gz", b"e")
    put(mine, f"{CASE}_DCE_0001_N3.nii.gz", b"f")
    report = adopt(mine, root, mask_set="my_unet")
    assert tree(root / "data/release/masks_my_unet") == {
        "ISPY1_1002.nii.gz": b"a",
        "ISPY1_1003.nii": b"b",
        "ISPY1_1004.nii.gz": b"c",
        "ISPY1_1005.nii.gz": b"d",
    }
    assert report.unrecognised == (f"{CASE}_DCE_0001_N3.nii.gz",)
    assert [note.path for note in report.refused] == ["1006/1007.nii.gz"]
    assert report.not_in_source == ()
    assert report.missing.absent_cases == ("ISPY1_1006", "ISPY1_1007")
    assert tree(source).items() <= tree(root / "data/release").items()


def test_pruning_a_mask_set_leaves_the_rest(root: Path, source: Path, tmp_path: Path) -> None:
    put_case(source)
    put(source, "masks_ftv/ISPY1_1003.nii.gz")
    adopt(source, root)
    mine = tmp_path / "predictions"
    put(mine, "1002.nii.gz")
    put(mine, "1003.nii.gz")
    adopt(mine, root, mask_set="mine")
    (mine / "1003.nii.gz").unlink()
    report = adopt(mine, root, mask_set="mine", prune=True)
    assert report.removed == ("masks_mine/ISPY1_1003.nii.gz",)
    assert len(tree(root / "data/release")) == 11


@pytest.mark.parametrize("name", ["ftv", "stv_manual", "My", "a/b", "..", "", "a b", "é"])
def test_names_that_are_no_mask_set(root: Path, source: Path, name: str) -> None:
    put_case(source)
    adopt(source, root)
    with pytest.raises(UserError, match="mask set"):
        adopt(source / "masks_ftv", root, mask_set=name)


def test_a_mask_of_no_case_is_refused(root: Path, source: Path, tmp_path: Path) -> None:
    put_case(source)
    adopt(source, root)
    mine = tmp_path / "predictions"
    put(mine, "1002.nii.gz")
    put(mine, "ISPY1_7777.nii.gz")
    report = adopt(mine, root, mask_set="mine")
    assert list(tree(root / "data/release/masks_mine")) == ["ISPY1_1002.nii.gz"]
    assert not report.is_complete
    assert "1 mask belongs to no case of the release: ISPY1_7777; adopt the case first" in told(
        report
    )
    put_case(source, "ISPY1_7777")
    adopt(source, root)
    assert adopt(mine, root, mask_set="mine").is_complete
    (mine / "1002.nii.gz").unlink()
    shutil.rmtree(source)
    put_case(source)
    adopt(source, root, prune=True)
    report = adopt(mine, root, mask_set="mine", prune=True)
    assert report.taken == ()
    # What was refused is not pruned.
    assert list(tree(root / "data/release/masks_mine")) == ["ISPY1_7777.nii.gz"]


def test_a_release_of_no_case_takes_any_mask(root: Path, source: Path, tmp_path: Path) -> None:
    put(source, CLINICAL)
    put(source, "masks_theirs/ISPY1_1003.nii.gz")
    adopt(source, root)
    put(tmp_path / "mine", "ISPY1_1002.nii.gz")
    assert adopt(tmp_path / "mine", root, mask_set="mine").is_complete
    assert (root / "data/release/masks_mine/ISPY1_1002.nii.gz").is_file()


def test_the_expected_name_of_a_mask_is_told(root: Path, source: Path, tmp_path: Path) -> None:
    for number in (1001, 1002):
        put_case(source, f"ISPY1_{number}")
    adopt(source, root)
    mine = tmp_path / "mine"
    put(mine, "pred_seg.nii.gz")
    with pytest.raises(UserError, match=r"such as ISPY1_1001\.nii\.gz\."):
        adopt(mine, root, mask_set="mine")
    put(mine, "1001.nii.gz")
    text = told(adopt(mine, root, mask_set="mine"))
    assert "seg.nii.gz; a mask is named by its case: ISPY1_1001.nii.gz" in text
    assert "1 of 2 cases has no mask of mine: ISPY1_1002" in text
    assert "renamed        1 file (1 got ISPY1_), e.g. 1001.nii.gz -> ISPY1_1001.nii.gz" in text


def test_a_mask_set_needs_a_release(root: Path, source: Path) -> None:
    put(source, "1002.nii.gz")
    with pytest.raises(UserError, match="Adopt the release first"):
        adopt(source, root, mask_set="mine")


# --- the whole way, with DVC and the command


def test_the_command_hands_the_release_to_dvc(
    bare: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from etl.cli import app

    Repo.init(str(bare), no_scm=True).close()
    put_case(source)
    monkeypatch.chdir(bare)
    done = CliRunner().invoke(app, ["adopt", str(source), "--json"])
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert report["is_complete"]
    assert (bare / "data/release.dvc").is_file()
    first = (bare / "data/release.dvc").read_bytes()
    assert b"nfiles: 9" in first
    # Again: the same bytes. Then a fault: told by the exit code, and the rest is taken.
    done = CliRunner().invoke(app, ["adopt", str(source)])
    assert done.exit_code == 0, done.output
    assert "9 unchanged" in done.stdout
    assert done.stdout.endswith("\nnothing changed\n")
    assert (bare / "data/release.dvc").read_bytes() == first
    put(source, f"b/{MASK}.nii.gz", b"another")
    put(source, "masks_ftv/ISPY1_1003.nii.gz")
    done = CliRunner().invoke(app, ["adopt", str(source)])
    assert done.exit_code == 1
    assert done.stdout.endswith("next: ispy1 repro, then: git add -A && git commit\n")
    assert b"nfiles: 10" in (bare / "data/release.dvc").read_bytes()


def test_dvc_that_refuses_is_one_sentence(bare: Path, source: Path) -> None:
    put_case(source)
    with pytest.raises(UserError, match="dvc add failed"):
        adopt(source, bare)
    assert len(tree(bare / "data/release")) == 9
    assert (bare / "params.yaml").read_text() == PARAMS


def test_the_real_files(root: Path, real: Path) -> None:
    report = adopt(real, root)
    assert sorted(actions(report)) == [
        CLINICAL,
        "masks_stv_manual/ISPY1_1002.nii.gz",
        "publisher_sample.sums",
    ]
    assert {"case_ids.csv", "feature_columns.json", "ibsi/mask.nii.gz", "breast/label.nrrd"} <= {
        *report.unrecognised
    }
    assert report.missing.incomplete_cases == ("ISPY1_1002",)
    assert len(report.missing.paths) == 163 * 9 - 1 + 2
    assert sum(1 for _ in format_report(report)) < 25


def test_names_are_safe_for_a_terminal() -> None:
    assert escape("a\x1b[1m\nb\udce9é") == r"a\x1b[1m\nb\udce9é"
