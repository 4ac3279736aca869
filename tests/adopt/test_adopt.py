"""What people have on disk goes in, a canonical release comes out, and nothing is lost."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from adopting import PARAMS, RELEASE, fill, make_bare, put, read_tree, skip_dvc
from dvc.repo import Repo
from support import CLINICAL, FEATURES, MANIFEST, ROOT
from typer.testing import CliRunner

import etl.adopt.foresee
import etl.adopt.memory
import etl.adopt.place
from etl.adopt import Report, adopt
from etl.adopt.tell import escape, format_report
from etl.model.errors import UserError
from etl.model.profile import load_profile
from etl.model.project import params
from etl.model.release import list_blobs_of_case

PROFILE = load_profile(ROOT, "ispy1_tcia")
N3 = PROFILE.image_sets["n3"].folder
ZSCORED = PROFILE.image_sets["zscored"].folder
CASE = "ISPY1_1002"
MASK = f"masks_ftv/{CASE}"
RADIOMICS = "ISPY_DataPaper_features.csv"  # what CaPTk's own output is in a release


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    return make_bare(tmp_path / "project")


@pytest.fixture
def root(bare: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same project, where DVC is taken for granted."""
    skip_dvc(monkeypatch)
    return bare


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "download"
    folder.mkdir()
    return folder


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    return tmp_path / "predictions"


def list_paths(*numbers: int) -> list[str]:
    """The files of complete cases."""
    cases = (list_blobs_of_case(f"ISPY1_{number}", PROFILE) for number in numbers)
    return [blob.path for blobs in cases for blob in blobs]


def adopt_cases(root: Path, source: Path, *numbers: int) -> Report:
    return adopt(put(source, *list_paths(*numbers)), root)


def released(root: Path) -> dict[str, bytes]:
    return read_tree(root / RELEASE)


def actions(report: Report) -> dict[str, str]:
    return {file.target: file.action for file in report.taken}


def told(report: Report) -> str:
    return "\n".join(format_report(report))


def manifest_line(path: str, content: bytes) -> bytes:
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    return f"{md5} ISPY1-Tumor-SEG-Radiomics/NIfTI-Files/{path}\n".encode()


# --- what is taken, and where to


@pytest.mark.parametrize("prefix", ["", "NIfTI-Files/", "ISPY1-Tumor-SEG-Radiomics/NIfTI-Files/"])
def test_any_root_gives_the_same_release(root: Path, source: Path, prefix: str) -> None:
    files = {path: path.encode() for path in list_paths(1002)}
    fill(source / prefix, files)
    report = adopt(source, root)
    assert released(root) == read_tree(source / prefix) == files
    assert report.missing.incomplete_cases == ()
    assert len(report.missing.absent_cases) == 162
    assert report.is_complete


def test_zscored_images_without_their_ending_get_it(root: Path, source: Path) -> None:
    name = f"{CASE}/{CASE}_DCE_0000_N3"
    fill(source, {f"{ZSCORED}/{name}.nii": b"z", f"{N3}/{name}.nii": b"n"})
    adopt(source, root)
    assert released(root) == {f"{N3}/{name}.nii": b"n", f"{ZSCORED}/{name}_zscored.nii": b"z"}


@pytest.mark.parametrize(
    ("folder", "file"),
    [
        ("masks_ftv", f"{CASE}.nii.gz"),
        (f"{ZSCORED}/{CASE}", f"{CASE}_DCE_0000_N3.nii"),
        (ZSCORED, f"{CASE}/{CASE}_DCE_0000_N3.nii"),
    ],
)
def test_the_name_of_the_folder_itself_counts(
    root: Path, source: Path, folder: str, file: str
) -> None:
    (taken,) = adopt(put(source / folder, file), root).taken
    assert taken.target.startswith(("masks_ftv/", ZSCORED))


def test_workbooks_manifest_and_litter(root: Path, source: Path) -> None:
    fill(source, {
        "a/b/I-SPY+1+All+Patient+Clinical+and+Outcome+Data (1).xlsx": b"clinical",
        f"x/{FEATURES}": b"features",
        "captk_parameter_file_ispy1.csv": b"parameters",
        "sums/any.sums": b"manifest",
        "README": b"readme",
    })  # fmt: skip
    put(source, ".DS_Store", f"masks_ftv/._{CASE}.nii.gz", f"__MACOSX/{MASK}.nii.gz", "notes.docx")
    report = adopt(source, root)
    assert released(root) == {
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
    bad = [f"{folder}/{CASE}.nii" for folder in ("masks_FTV", "masks_a b")]
    report = adopt(put(source, "masks_nnUNet-2/ISPY1-1002.nii", *bad), root)
    assert [*released(root)] == [f"masks_nnUNet-2/{CASE}.nii"]
    assert [note.path for note in report.not_taken] == bad


def test_unicode_and_odd_names(root: Path, source: Path) -> None:
    fill(source, {f"Müller 年/{MASK}.nii.gz": b"m", "evil\x1b[31m\n.sums": b"x"})
    Path(os.fsdecode(os.fsencode(source) + b"/caf\xe9.txt")).write_bytes(b"x")
    report = adopt(source, root)
    assert released(root) == {f"{MASK}.nii.gz": b"m"}
    assert [note.reason for note in report.not_taken] == ["its name holds control characters"]
    assert "\x1b" not in told(report)
    told(report).encode()
    json.dumps(report.as_dict()).encode()


# --- CaPTk's own outputs


LONG = b"SubjectID,Modality,ROILabel,FeatureFamily,Feature,Value,Parameters\n1002,T1,E,G,M,1,\n"
WIDE = b"SubjectID,T1_E_Intensity_Mean\n1002,1\n"


@pytest.mark.parametrize("text", [LONG, WIDE, b"\xef\xbb\xbf" + WIDE])
def test_captk_outputs_are_known_by_their_header(root: Path, source: Path, text: bytes) -> None:
    fill(source, {"out/radiomics.csv": text, "out/other.csv": b"SubjectID,age\n1002,1\n"})
    report = adopt(source, root)
    assert released(root) == {RADIOMICS: text}
    assert report.unrecognised == ("out/other.csv",)


def test_a_features_workbook_goes_before_captk_outputs(root: Path, source: Path) -> None:
    fill(source, {"out/radiomics.csv": WIDE, FEATURES: b"workbook"})
    report = adopt(source, root)
    assert [*released(root)] == [FEATURES]
    assert [note.path for note in report.not_taken] == ["out/radiomics.csv"]
    # One of the release goes first, too.
    (source / FEATURES).unlink()
    adopt_cases(root, source, 1002)
    assert RADIOMICS not in released(root)
    adopt(source, root, prune=True)
    assert released(root)[RADIOMICS] == WIDE


def test_new_names_and_places_are_told(root: Path, source: Path) -> None:
    names = [f"{CASE}/{CASE}_DCE_{phase:04d}_N3.nii.gz" for phase in range(3)]
    workbook = "a/I-SPY+1+All+Patient+Clinical+and+Outcome+Data (1).xlsx"
    put(source, *(f"{folder}/{name}" for folder in (ZSCORED, N3) for name in names))
    put(source, workbook, f"b/{FEATURES}")
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
    done = "next: ispy1 repro, then: git add -A && git commit"
    assert told(adopt_cases(root, source, 1002)).endswith(f"\n{done}")
    text = told(adopt(source, root))
    assert text.endswith("\nnothing changed")
    assert "\nnext" not in text
    assert told(adopt(source, root, dry_run=True)).endswith("\nnothing would change")
    # DVC heard of it only now: a run was killed before it came that far.
    (root / "data/release.dvc").write_text("older")
    assert told(adopt(source, root)).endswith(f"\n{done}")


def test_missing_cases_are_named(root: Path, source: Path, tmp_path: Path) -> None:
    text = told(adopt_cases(root, source, *range(9001, 9012)))
    assert "1 of 12 cases has no image or mask: ISPY1_9012\n" in text
    text = told(adopt(put(tmp_path / "one", *list_paths(9001)), root, prune=True))
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
    fill(source, {f"{MASK}.nii.gz": content, CLINICAL: b"no image either"})
    for _ in range(2):
        report = adopt(source, root)
        assert report.damaged == ((f"{MASK}.nii.gz",) if is_damaged else ())
        assert report.is_complete
        assert ("looks damaged  1 file: masks_ftv/" in told(report)) == is_damaged
    assert len(released(root)) == 2


# --- doubles


@pytest.mark.parametrize(
    ("files", "taken", "n_left", "reason"),
    [
        (
            {f"{MASK}.nii": b"raw", f"{MASK}.nii.gz": b"gz"},
            {f"{MASK}.nii.gz": b"gz"}, 1, ".nii.gz before other forms",
        ),
        (
            {
                f"{MASK}.nii": b"raw", f"{MASK}.nii.gz": b"gz",
                MANIFEST: manifest_line(f"{MASK}.nii", b"something else"),
            },
            {f"{MASK}.nii": b"raw"}, 1, "the manifest knows its path",
        ),
        (
            {
                f"old/{MASK}.nii.gz": b"broken", f"x/y/new/{MASK}.nii.gz": b"published",
                f"{MASK}.nii": b"raw", MANIFEST: manifest_line(f"{MASK}.nii.gz", b"published"),
            },
            {f"{MASK}.nii.gz": b"published"}, 2, "its MD5 is the publisher's",
        ),
        (
            {f"a/{MASK}.nii.gz": b"same", f"b/{MASK}.nii.gz": b"same"},
            {f"{MASK}.nii.gz": b"same"}, 1, "same content",
        ),
    ],
    ids=["packed", "listed", "published", "equal"],
)  # fmt: skip
def test_of_doubles_one_is_taken(
    root: Path,
    source: Path,
    files: dict[str, bytes],
    taken: dict[str, bytes],
    n_left: int,
    reason: str,
) -> None:
    fill(source, files)
    report = adopt(source, root)
    assert {path: data for path, data in released(root).items() if path != MANIFEST} == taken
    assert [(len(double.others), double.reason) for double in report.doubles] == [(n_left, reason)]
    assert report.is_complete


def test_different_doubles_are_refused_and_the_rest_goes_on(root: Path, source: Path) -> None:
    report = adopt(
        put(source, f"a/{MASK}.nii.gz", f"b/{MASK}.nii.gz", "masks_ftv/ISPY1_1003.nii.gz"), root
    )
    assert [*released(root)] == ["masks_ftv/ISPY1_1003.nii.gz"]
    assert not report.is_complete
    assert report.refused[0].path == f"a/{MASK}.nii.gz, b/{MASK}.nii.gz"


def test_what_is_refused_is_not_pruned(root: Path, source: Path) -> None:
    adopt_cases(root, source, 1002)
    report = adopt(put(source, f"again/{MASK}.nii.gz"), root, prune=True)
    assert f"{MASK}.nii.gz" in released(root)
    assert report.removed == ()


# --- links, special files, bad folders


def test_links_out_are_refused_and_links_inside_are_followed(
    root: Path, source: Path, tmp_path: Path
) -> None:
    secret = put(tmp_path / "secret", "ISPY1_1003.nii.gz")
    manual = source / "masks_stv_manual"
    put(source, f"results/run5/{CASE}.nii.gz", f"masks_stv_manual/{CASE}.nii.gz")
    (source / "masks_mine").symlink_to("results/run5")
    (source / "masks_ftv").symlink_to(secret)
    (manual / "ISPY1_1003.nii.gz").symlink_to(secret / "ISPY1_1003.nii.gz")
    (manual / "ISPY1_1004.nii.gz").symlink_to("nowhere")
    (manual / "ISPY1_1005.nii.gz").symlink_to(f"{CASE}.nii.gz")
    report = adopt(source, root)
    assert [*released(root)] == [
        f"masks_mine/{CASE}.nii.gz",
        f"masks_stv_manual/{CASE}.nii.gz",
        "masks_stv_manual/ISPY1_1005.nii.gz",
    ]
    assert [note.path for note in report.refused] == [
        "masks_ftv",
        "masks_stv_manual/ISPY1_1003.nii.gz",
        "masks_stv_manual/ISPY1_1004.nii.gz",
    ]
    assert not (root / RELEASE / "masks_stv_manual/ISPY1_1005.nii.gz").is_symlink()
    assert report.unrecognised == ()


def test_loops_end(root: Path, source: Path) -> None:
    put(source, *list_paths(1002))
    for link, target in (("again", "."), ("masks_ftv/up", ".."), ("a", "b"), ("b", "a")):
        (source / link).symlink_to(target)
    report = adopt(source, root)
    assert len(report.taken) == 9
    assert [note.path for note in report.refused] == ["a", "b"]


def test_special_files_are_refused(
    root: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(source, *list_paths(1002))
    os.mkfifo(source / "masks_ftv/ISPY1_1003.nii.gz")
    with socket.socket(socket.AF_UNIX) as server, monkeypatch.context() as patch:
        patch.chdir(source)  # the name of a socket is short
        server.bind("s")
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
    put(tmp_path, "file", "alien/x.txt", f"project/{RELEASE}/{MASK}.nii.gz")
    (tmp_path / "empty/inner").mkdir(parents=True)
    (tmp_path / "link").symlink_to(root / RELEASE)
    with pytest.raises(UserError, match=reason) as caught:
        adopt(tmp_path / path, root)
    assert "\n" not in str(caught.value)


def test_unreadable_folders(root: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    adopt_cases(root, source, 1002)
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
    assert len(read_tree(root / RELEASE)) == 9
    for folder in (source, root / RELEASE / "masks_ftv"):
        refused = [folder]
        with pytest.raises(UserError, match="Permission denied"):
            adopt(source, root)


def test_a_target_that_cannot_be_written(
    root: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / RELEASE).write_text("a file in the way")
    with pytest.raises(UserError, match="data/release: cannot be"):
        adopt_cases(root, source, 1002)
    (root / RELEASE).unlink()

    def read_only(self: Path, *_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system", str(self))

    monkeypatch.setattr(Path, "mkdir", read_only)
    with pytest.raises(UserError, match="Read-only file system"):
        adopt(source, root)


def test_a_link_in_the_release_cannot_lead_out(root: Path, source: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (root / RELEASE).mkdir()
    (root / RELEASE / "masks_ftv").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="leaves the release"):
        adopt_cases(root, source, 1002)
    assert read_tree(tmp_path / "elsewhere") == {}


# --- again, and again


def test_a_second_run_copies_nothing(
    root: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    adopt_cases(root, source, 1002)
    before = {p: p.stat().st_mtime_ns for p in (root / RELEASE).rglob("*")}

    def unread(*_: object) -> bool:
        pytest.fail("what is known to be equal is read again")

    monkeypatch.setattr(etl.adopt.compare, "is_same", unread)
    report = adopt(source, root)
    assert {*actions(report).values()} == {"unchanged"}
    assert (report.bytes_to_copy, report.params_changed) == (0, False)
    assert {p: p.stat().st_mtime_ns for p in (root / RELEASE).rglob("*")} == before


@pytest.mark.parametrize("text", [None, "[broken", "{}", f'{{"{MASK}.nii.gz": [[1], [2]]}}'])
def test_a_memory_that_is_gone_or_odd_only_costs_time(
    root: Path, source: Path, text: str | None
) -> None:
    adopt_cases(root, source, 1002)
    memory = etl.adopt.memory.memory_path(root)
    memory.unlink() if text is None else memory.write_text(text)
    report = adopt(source, root)
    assert {*actions(report).values()} == {"unchanged"}
    assert not report.is_changed


@pytest.mark.parametrize("side", ["source", "release"])
def test_an_edit_of_equal_size_and_time_is_seen(root: Path, source: Path, side: str) -> None:
    adopt_cases(root, source, 1002)
    file = (source if side == "source" else root / RELEASE) / f"{MASK}.nii.gz"
    info, content = file.stat(), file.read_bytes()
    file.write_bytes(content[::-1])
    os.utime(file, ns=(info.st_atime_ns, info.st_mtime_ns))
    assert actions(adopt(source, root))[f"{MASK}.nii.gz"] == "replaced"
    wanted = content[::-1] if side == "source" else content
    assert released(root)[f"{MASK}.nii.gz"] == wanted


def test_what_this_folder_does_not_have_stays_until_pruned(root: Path, source: Path) -> None:
    path = f"masks_mine/{CASE}.nii.gz"
    adopt_cases(root, put(source, path), 1002)
    (source / path).unlink()
    report = adopt(source, root)
    assert report.not_in_source == (path,)
    assert path in released(root)
    assert "\nkept           1 file: masks_mine/" in told(report)
    # Of part of a download most of the release is elsewhere: a count and a few names say so.
    report = adopt(source / N3, root)
    assert len(report.not_in_source) == 7
    assert "\nkept           7 files: " in told(report)
    assert " and 2 more (--json lists all); of the release, not in this folder" in told(report)


def test_pruning_says_what_goes_and_spares_own_masks(
    root: Path, source: Path, tmp_path: Path
) -> None:
    own_mask = f"masks_mine/{CASE}.nii.gz"
    put(source, own_mask, *(f"masks_ftv/ISPY1_{number}.nii.gz" for number in range(1003, 1033)))
    adopt_cases(root, source, 1002)
    other = put(tmp_path / "other", *list_paths(1002))
    before = released(root)
    report = adopt(other, root, prune=True, dry_run=True)
    assert released(root) == before
    assert "\nwould remove   30 files\n" in told(report)
    assert told(report).count(" masks_ftv/") == 20
    assert " and 10 more (--json lists all)\n" in told(report)
    report = adopt(other, root, prune=True)
    assert len(report.removed) == 30
    assert report.kept == (own_mask,)
    assert "\nremoved        30 files\n" in told(report)
    assert " masks_ftv/ISPY1_1003.nii.gz\n" in told(report)
    assert len(released(root)) == 10


def test_another_form_replaces_and_leaves_no_double(root: Path, source: Path) -> None:
    fill(source, {f"{MASK}.nii": b"voxels"})
    adopt(source, root)
    fill(source, {f"{MASK}.nii.gz": gzip.compress(b"voxels")})
    report = adopt(source, root)
    assert [*released(root)] == [f"{MASK}.nii.gz"]
    assert report.taken[0].replaces == (f"{MASK}.nii",)
    # An unpacked copy of what the release holds brings nothing; changed voxels do.
    (source / f"{MASK}.nii.gz").unlink()
    assert {*actions(adopt(source, root)).values()} == {"unchanged"}
    assert [*released(root)] == [f"{MASK}.nii.gz"]
    fill(source, {f"{MASK}.nii": b"others"})
    adopt(source, root)
    assert released(root) == {f"{MASK}.nii": b"others"}


def test_files_that_dvc_protects_are_replaced_not_written(root: Path, source: Path) -> None:
    fill(source, {f"{MASK}.nii.gz": b"old"})
    adopt(source, root)
    cached = root / "cached"
    cached.hardlink_to(root / RELEASE / f"{MASK}.nii.gz")
    cached.chmod(0o444)
    fill(source, {f"{MASK}.nii.gz": b"new"})
    adopt(source, root)
    assert released(root) == {f"{MASK}.nii.gz": b"new"}
    assert cached.read_bytes() == b"old"


def test_a_file_that_changes_meanwhile_is_not_kept(
    root: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    block = etl.adopt.place._read_block
    file = source / f"{MASK}.nii.gz"

    def growing(handle: int) -> bytes:
        if os.fstat(handle).st_ino == file.stat().st_ino and file.stat().st_size < 100:
            with file.open("ab") as out:
                out.write(b"more" * 100)
        return block(handle)

    monkeypatch.setattr(etl.adopt.place, "_read_block", growing)
    monkeypatch.setattr(etl.adopt.place, "_share", lambda *_: False)
    report = adopt_cases(root, source, 1002)
    assert [note.path for note in report.refused] == [f"{MASK}.nii.gz"]
    assert "changed while" in report.refused[0].reason
    assert len(released(root)) == 8
    assert f"{MASK}.nii.gz" in report.missing.paths


def test_too_little_space_is_told_before_anything_is_copied(
    root: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(source, *list_paths(1002))
    monkeypatch.setattr(etl.adopt.foresee, "measure_free_bytes", lambda _: 10)
    monkeypatch.setattr(etl.adopt.place, "_share", lambda *_: False)
    assert adopt(source, root, dry_run=True).bytes_free == 10
    with pytest.raises(UserError, match="10 B are free"):
        adopt(source, root)
    assert released(root) == {}


def test_a_killed_run_is_resumed(root: Path, source: Path) -> None:
    put(source, *list_paths(1002))
    program = (
        "import os, signal, sys; from pathlib import Path\n"
        "from etl.adopt import adopt\n"
        "def step(done, total):\n"
        "    if done * 2 > total: os.kill(os.getpid(), signal.SIGKILL)\n"
        "adopt(Path(sys.argv[1]), Path(sys.argv[2]), progress=step)\n"
    )
    command = [sys.executable, "-c", program, str(source), str(root)]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    assert subprocess.run(command, check=False, env=env).returncode == -signal.SIGKILL
    half = actions(adopt(source, root, dry_run=True))
    assert {*half.values()} == {"added", "unchanged"}
    assert actions(adopt(source, root)) == half
    assert released(root) == read_tree(source)


def test_two_at_once_are_refused(root: Path, source: Path) -> None:
    with etl.adopt.place.lock_release(root), pytest.raises(UserError, match="another ispy1 adopt"):
        adopt_cases(root, source, 1002)


def test_dry_run_changes_nothing(root: Path, source: Path) -> None:
    put(source, *list_paths(1002))
    before = read_tree(root)
    report = adopt(source, root, dry_run=True)
    assert read_tree(root) == before
    assert not (root / ".dvc").exists()
    assert {*actions(report).values()} == {"added"}
    assert report.params_changed
    assert report.missing.incomplete_cases == ()


def test_a_tracked_release_that_is_not_here_is_not_overwritten(root: Path, source: Path) -> None:
    (root / "data/release.dvc").write_text("outs: []")
    with pytest.raises(UserError, match="dvc pull"):
        adopt_cases(root, source, 1002)
    assert len(adopt(source, root, prune=True).taken) == 9


# --- profiles and params.yaml


def test_the_ids_choose_the_profile_and_comments_stay(root: Path, source: Path) -> None:
    report = adopt_cases(root, source, 1002)
    assert (report.profile, report.params_changed) == ("ispy1_tcia", True)
    assert (params(root)["release"], params(root)["profile"]) == (RELEASE, "ispy1_tcia")
    switched = PARAMS.replace("data/phantom", RELEASE).replace(
        "profile: phantom", "profile: ispy1_tcia"
    )
    assert (root / "params.yaml").read_text().split() == switched.split()


def test_two_data_sets_make_no_release(root: Path, source: Path, tmp_path: Path) -> None:
    adopt_cases(root, source, 1002)
    with pytest.raises(UserError, match="Two data sets"):
        adopt_cases(root, tmp_path / "other", 9001)
    report = adopt(tmp_path / "other", root, prune=True)
    assert report.profile == params(root)["profile"] == "phantom"
    assert len(report.removed) == 9


def test_own_masks_that_stay_do_not_hold_a_new_data_set_back(
    root: Path, source: Path, tmp_path: Path
) -> None:
    for number in range(1002, 1005):
        put(source, f"masks_ftv/ISPY1_{number}.nii.gz", f"masks_mine/ISPY1_{number}.nii.gz")
    adopt(source, root)
    other = put(tmp_path / "other", *list_paths(9001))
    assert len(adopt(other, root, prune=True).kept) == 3
    assert adopt(other, root).profile == "phantom"


def test_a_profile_can_be_asked_for_and_stays(root: Path, source: Path) -> None:
    folder = root / "expectations/profiles"
    shutil.copy(folder / "ispy1_tcia.yaml", folder / "mine.yaml")
    put(source, *list_paths(1002))
    assert adopt(source, root, profile="mine").profile == "mine"
    assert adopt(source, root).profile == "mine"
    with pytest.raises(UserError, match="There are: ispy1_tcia, mine, phantom"):
        adopt(source, root, profile="yours")


# --- a user's own masks


def test_a_mask_set_of_any_spelling(root: Path, source: Path, mine: Path) -> None:
    adopt_cases(root, source, *range(1002, 1008))
    fill(mine, {
        "ISPY1_1002.nii.gz": b"a", "ISPY1-1003.nii": b"b", "1004.nii.gz": b"c",
        "1005/1005.nii.gz": b"d", "1006/1007.nii.gz": b"e", f"{CASE}_DCE_0001_N3.nii.gz": b"f",
    })  # fmt: skip
    report = adopt(mine, root, mask_set="my_unet")
    assert read_tree(root / RELEASE / "masks_my_unet") == {
        "ISPY1_1002.nii.gz": b"a",
        "ISPY1_1003.nii": b"b",
        "ISPY1_1004.nii.gz": b"c",
        "ISPY1_1005.nii.gz": b"d",
    }
    assert report.unrecognised == (f"{CASE}_DCE_0001_N3.nii.gz",)
    assert [note.path for note in report.refused] == ["1006/1007.nii.gz"]
    assert report.not_in_source == ()
    assert report.missing.absent_cases == ("ISPY1_1006", "ISPY1_1007")
    assert read_tree(source).items() <= released(root).items()


def test_pruning_a_mask_set_leaves_the_rest(root: Path, source: Path, mine: Path) -> None:
    adopt_cases(root, put(source, "masks_ftv/ISPY1_1003.nii.gz"), 1002)
    adopt(put(mine, "1002.nii.gz", "1003.nii.gz"), root, mask_set="mine")
    (mine / "1003.nii.gz").unlink()
    report = adopt(mine, root, mask_set="mine", prune=True)
    assert report.removed == ("masks_mine/ISPY1_1003.nii.gz",)
    assert len(released(root)) == 11


def test_names_that_are_no_mask_set(root: Path, source: Path) -> None:
    adopt_cases(root, source, 1002)
    for name in ("ftv", "stv_manual", "My", "a/b", "..", "", "a b", "é"):
        with pytest.raises(UserError, match=rf"mask set '?{re.escape(name)}'?: (not|is)"):
            adopt(source / "masks_ftv", root, mask_set=name)


def test_a_mask_of_no_case_is_refused(root: Path, source: Path, mine: Path, tmp_path: Path) -> None:
    adopt_cases(root, source, 1002)
    report = adopt(put(mine, "1002.nii.gz", "ISPY1_7777.nii.gz"), root, mask_set="mine")
    assert [*read_tree(root / RELEASE / "masks_mine")] == ["ISPY1_1002.nii.gz"]
    assert not report.is_complete
    assert "1 mask belongs to no case of the release: ISPY1_7777; adopt the case first" in told(
        report
    )
    adopt_cases(root, tmp_path / "more", 1002, 7777)
    assert adopt(mine, root, mask_set="mine").is_complete
    (mine / "1002.nii.gz").unlink()
    adopt(source, root, prune=True)
    report = adopt(mine, root, mask_set="mine", prune=True)
    assert report.taken == ()
    # What was refused is not pruned.
    assert [*read_tree(root / RELEASE / "masks_mine")] == ["ISPY1_7777.nii.gz"]


def test_a_release_of_no_case_takes_any_mask(root: Path, source: Path, mine: Path) -> None:
    adopt(put(source, CLINICAL, "masks_theirs/ISPY1_1003.nii.gz"), root)
    assert adopt(put(mine, f"{CASE}.nii.gz"), root, mask_set="mine").is_complete
    assert f"masks_mine/{CASE}.nii.gz" in released(root)


def test_the_expected_name_of_a_mask_is_told(root: Path, source: Path, mine: Path) -> None:
    adopt_cases(root, source, 1001, 1002)
    with pytest.raises(UserError, match=r"such as ISPY1_1001\.nii\.gz\."):
        adopt(put(mine, "pred_seg.nii.gz"), root, mask_set="mine")
    text = told(adopt(put(mine, "1001.nii.gz"), root, mask_set="mine"))
    assert "seg.nii.gz; a mask is named by its case: ISPY1_1001.nii.gz" in text
    assert "1 of 2 cases has no mask of mine: ISPY1_1002" in text
    assert "renamed        1 file (1 got ISPY1_), e.g. 1001.nii.gz -> ISPY1_1001.nii.gz" in text


def test_a_mask_set_needs_a_release(root: Path, mine: Path) -> None:
    with pytest.raises(UserError, match="Adopt the release first"):
        adopt(put(mine, "1002.nii.gz"), root, mask_set="mine")


# --- the whole way, with DVC and the command


def test_the_command_hands_the_release_to_dvc(
    bare: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from etl.cli import app

    Repo.init(str(bare), no_scm=True).close()
    put(source, *list_paths(1002))
    monkeypatch.chdir(bare)
    done = CliRunner().invoke(app, ["adopt", str(source), "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["is_complete"]
    first = (bare / "data/release.dvc").read_bytes()
    assert b"nfiles: 9" in first
    # Again: the same bytes. Then a fault: told by the exit code, and the rest is taken.
    done = CliRunner().invoke(app, ["adopt", str(source)])
    assert done.exit_code == 0, done.output
    assert "9 unchanged" in done.stdout
    assert done.stdout.endswith("\nnothing changed\n")
    assert (bare / "data/release.dvc").read_bytes() == first
    put(source, f"b/{MASK}.nii.gz", "masks_ftv/ISPY1_1003.nii.gz")
    done = CliRunner().invoke(app, ["adopt", str(source)])
    assert done.exit_code == 1
    assert done.stdout.endswith("next: ispy1 repro, then: git add -A && git commit\n")
    assert b"nfiles: 10" in (bare / "data/release.dvc").read_bytes()


def test_dvc_that_refuses_is_one_sentence(bare: Path, source: Path) -> None:
    with pytest.raises(UserError, match="dvc add failed"):
        adopt_cases(bare, source, 1002)
    assert len(released(bare)) == 9
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
