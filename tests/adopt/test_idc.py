"""`ispy1 idc`: one collection's series out of the index, into the release."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from adopting import RELEASE, put, skip_dvc
from support import (
    CLINICAL,
    SLICE,
    build_table,
    clinical_row,
    make_project,
    md5,
    rows,
    series_row,
    write_clinical,
)
from typer.testing import CliRunner

import etl.adopt.idc
from etl.adopt import adopt
from etl.adopt.idc import INDEX, PACKAGE, VERSION_KEY, cut
from etl.adopt.tell import format_report
from etl.ask.why import why
from etl.build.index import write_indexes
from etl.cli import app
from etl.model.errors import UserError
from etl.model.params_file import set_params
from etl.model.project import PARAMS, params
from etl.read.idc import COLUMNS, read_slice

CASE = "ISPY1_1002"
OURS = [series_row(f"2.25.{9 - n}", CASE, PatientAge="038Y", SeriesNumber=str(n)) for n in range(4)]
THEIRS = [series_row(f"1.{n}", "BREAST_07") for n in range(50)]


def write_index(path: Path, *, version: str | None = "25.0.5") -> Path:
    """An index of two collections with a column that no slice has, as IDC writes it."""
    series = [{"collection_id": "ispy1"} | row for row in OURS]
    series += [{"collection_id": "other"} | row for row in THEIRS]
    kinds = {n: pa.large_string() if pa.types.is_string(k) else k for n, k in COLUMNS.items()}
    fields = [("aws_bucket", pa.large_string()), ("collection_id", pa.large_string())]
    meta = {VERSION_KEY: version.encode()} if version else None
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(series, pa.schema([*fields, *kinds.items()], meta)), path)
    return path


def wheel(path: Path, index: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(index, f"{PACKAGE}/{INDEX}")
        archive.writestr(f"{PACKAGE}-25.0.5.dist-info/METADATA", "Name: idc-index-data")
    return path


@pytest.fixture
def index(tmp_path: Path) -> Path:
    return write_index(tmp_path / "download" / INDEX)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with an adopted release: the clinical workbook alone."""
    root = make_project(tmp_path / "project")
    switch_params(root, profile="ispy1_tcia")
    write_clinical(root / RELEASE / CLINICAL, clinical=[clinical_row(CASE)], outcomes=[])
    return root


@pytest.fixture
def untracked(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same project, where DVC is taken for granted."""
    skip_dvc(monkeypatch)
    return root


def switch_params(root: Path, **values: str) -> None:
    set_params(root / PARAMS, values)
    params.cache_clear()


def refusal(root: Path, index: Path | None, **options: Path | str) -> str:
    """What the command says; it must not write."""
    with pytest.raises(UserError) as caught:
        cut(root, index, **options)  # type: ignore[arg-type]
    assert not list(root.rglob(SLICE))
    return str(caught.value)


# --- what is cut ----------------------------------------------------------------------------------


def test_the_collections_series_sorted_by_uid(untracked: Path, index: Path) -> None:
    done = cut(untracked, index)
    path = untracked / RELEASE / SLICE
    assert done.as_dict() == {
        "index": str(index),
        "index_version": "25.0.5",
        "collection": "ispy1",
        "profile": "ispy1_tcia",
        "path": str(path),
        "subjects": 1,
        "studies": 1,
        "series": 4,
        "size_bytes": path.stat().st_size,
        "is_changed": True,
        "is_tracked": True,
    }
    assert read_slice(path) == sorted(OURS, key=lambda row: str(row["SeriesInstanceUID"]))
    schema = pq.read_schema(path)
    assert dict(zip(schema.names, schema.types, strict=True)) == COLUMNS
    assert schema.metadata == {VERSION_KEY: b"25.0.5"}


def test_the_same_index_gives_the_same_bytes(untracked: Path, index: Path, tmp_path: Path) -> None:
    assert cut(untracked, index).is_changed
    path = untracked / RELEASE / SLICE
    before, stamp = path.read_bytes(), path.stat().st_mtime_ns
    assert not cut(untracked, index).is_changed
    assert path.stat().st_mtime_ns == stamp
    packed = wheel(tmp_path / "idc_index_data-25.0.5-py3-none-any.whl", index)
    assert not cut(untracked, packed).is_changed
    shuffled = pq.read_table(index).take(list(range(53, -1, -1)))
    pq.write_table(shuffled, tmp_path / "shuffled.parquet", compression="gzip", row_group_size=7)
    assert not cut(untracked, tmp_path / "shuffled.parquet").is_changed
    assert path.read_bytes() == before


def test_an_index_without_a_version(untracked: Path, tmp_path: Path) -> None:
    done = cut(untracked, write_index(tmp_path / INDEX, version=None))
    assert done.index_version is None
    assert not pq.read_schema(untracked / RELEASE / SLICE).metadata


def test_a_linked_file_is_replaced_and_not_written_into(untracked: Path, index: Path) -> None:
    """DVC may have linked the release's file to its cache."""
    cache = untracked / "cached"
    cache.write_bytes(b"an older slice")
    path = untracked / RELEASE / SLICE
    path.hardlink_to(cache)
    cut(untracked, index)
    assert cache.read_bytes() == b"an older slice"
    assert len(read_slice(path)) == 4


def test_the_installed_package_is_the_default(
    untracked: Path, index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "site" / PACKAGE
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise SystemExit('it must not be imported')\n")
    shutil.copy(index, package / INDEX)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    assert cut(untracked).index == str(package / INDEX)
    (package / INDEX).unlink()
    with pytest.raises(UserError, match="pip install idc-index-data"):
        cut(untracked)


# --- what is refused ------------------------------------------------------------------------------


def test_no_package(untracked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(etl.adopt.idc, "PACKAGE", "idc_index_data_that_nobody_has")
    assert "`pip install idc-index-data`" in refusal(untracked, None)


@pytest.mark.parametrize("content", [b"", b"<html>", b"PAR1"])
def test_no_index(untracked: Path, tmp_path: Path, content: bytes) -> None:
    (tmp_path / INDEX).write_bytes(content)
    assert "cannot be read as an index" in refusal(untracked, tmp_path / INDEX)
    assert "cannot be read as an index" in refusal(untracked, tmp_path / "none.parquet")
    assert "cannot be read as an index" in refusal(untracked, tmp_path)


def test_an_index_that_was_cut_short(untracked: Path, index: Path, tmp_path: Path) -> None:
    whole = index.read_bytes()
    for part in (whole[:-9], whole[: len(whole) // 2]):
        index.write_bytes(part)
        assert "cannot be read as an index" in refusal(untracked, index)
    index.write_bytes(whole)
    packed = wheel(tmp_path / "x.whl", index)
    content = bytearray(packed.read_bytes())
    content[200:260] = b"\0" * 60
    packed.write_bytes(content)
    assert "cannot be read as an index" in refusal(untracked, packed)


def test_a_wheel_of_another_package(untracked: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.whl", "w") as archive:
        archive.writestr("numpy/__init__.py", "")
    assert INDEX in refusal(untracked, tmp_path / "x.whl")


@pytest.mark.parametrize("name", ["collection_id", "PatientAge"])
def test_an_index_without_a_column(untracked: Path, index: Path, name: str) -> None:
    pq.write_table(pq.read_table(index).drop_columns([name]), index)
    assert f"has no column {name}" in refusal(untracked, index)


def test_an_index_with_a_column_of_another_type(untracked: Path, index: Path) -> None:
    table = pq.read_table(index)
    words = pa.array(["many"] * table.num_rows)
    at = table.schema.get_field_index("instanceCount")
    pq.write_table(table.set_column(at, "instanceCount", words), index)
    assert "of another type" in refusal(untracked, index)


def test_an_index_without_the_collection(untracked: Path, index: Path) -> None:
    table = pq.read_table(index, filters=[("collection_id", "==", "other")])
    pq.write_table(table, index)
    assert "holds no series of ispy1" in refusal(untracked, index)


def test_the_phantom_has_its_own_slice(untracked: Path, index: Path) -> None:
    switch_params(untracked, release="data/phantom")
    assert "reads data/phantom, not data/release" in refusal(untracked, index)
    switch_params(untracked, profile="phantom")
    message = refusal(untracked, index)
    assert "The phantom comes with its own slice" in message
    assert "ispy1 adopt FOLDER" in message
    assert "--profile ispy1_tcia" in message
    for path in ("data/phantom/x.parquet", "data/release/x.parquet"):
        assert "Choose another" in refusal(untracked, index, output=untracked / path)
    assert "does not exist" in refusal(untracked, index, profile="ispy2")


def test_no_release_yet(untracked: Path, index: Path) -> None:
    (untracked / RELEASE / CLINICAL).unlink()
    assert "Run `ispy1 adopt FOLDER` first" in refusal(untracked, index)
    (untracked / "data/release.dvc").write_text("outs: []")
    assert "Run `dvc pull data/release` first" in refusal(untracked, index)


def test_a_disk_that_refuses(untracked: Path, index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path, target: Path) -> Path:
        raise OSError(30, "Read-only file system", str(target))

    monkeypatch.setattr(Path, "replace", refuse)
    assert "cannot be written (Read-only file system)" in refusal(untracked, index)


# --- beside the release ---------------------------------------------------------------------------


def test_an_output_is_written_and_nothing_else(
    untracked: Path, index: Path, tmp_path: Path
) -> None:
    switch_params(untracked, release="data/phantom", profile="phantom")
    done = cut(untracked, index, output=tmp_path / "out" / "mine.parquet")
    assert (done.profile, done.is_tracked, done.series) == ("ispy1_tcia", False, 4)
    assert len(read_slice(tmp_path / "out" / "mine.parquet")) == 4
    assert not (untracked / "data/release.dvc").exists()


# --- adoption -------------------------------------------------------------------------------------


@pytest.fixture
def source(root: Path, tmp_path: Path) -> Path:
    """A download of what the release holds."""
    return Path(shutil.copytree(root / RELEASE, tmp_path / "source"))


def test_adopt_says_how_to_get_it_and_takes_it_where_it_is(
    untracked: Path, index: Path, source: Path
) -> None:
    report = adopt(source, untracked)
    assert report.missing.slice == SLICE
    assert SLICE not in report.missing.files
    assert any("ispy1 idc cuts it" in line for line in format_report(report))
    cut(untracked, index, output=source / SLICE)
    report = adopt(source, untracked)
    assert {taken.artefact for taken in report.taken} == {"clinical", "acquisitions"}
    assert report.missing.slice is None
    assert not any("ispy1 idc" in line for line in format_report(report))


def test_pruning_leaves_the_slice(untracked: Path, index: Path, source: Path) -> None:
    cut(untracked, index)
    put(untracked / RELEASE, "README")
    report = adopt(source, untracked, prune=True)
    assert (report.removed, report.kept) == (("README",), (SLICE,))
    assert (untracked / RELEASE / SLICE).is_file()


# --- from the command to the answer ---------------------------------------------------------------


def test_from_the_command_to_the_answer(
    root: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    (root / ".dvc" / "config").write_text("")
    done = CliRunner().invoke(app, ["idc", str(index)])
    assert done.exit_code == 0, done.output
    first, second, last = done.stdout.splitlines()
    assert first == "idc: 1 subjects, 1 studies, 4 series of ispy1, idc-index-data 25.0.5"
    assert second.startswith(str(root / RELEASE / SLICE))
    assert last.startswith("next: ispy1 repro")
    tracked = (root / "data/release.dvc").read_text()
    again = CliRunner().invoke(app, ["idc", str(index), "--json"])
    assert json.loads(again.stdout)["is_changed"] is False
    assert (root / "data/release.dvc").read_text() == tracked
    digest = md5(root / RELEASE / SLICE)
    assert (root / ".dvc/cache/files/md5" / digest[:2] / digest[2:]).is_file()

    write_indexes(root)
    for name in ("blobs", "clinical", "outcomes", "acquisitions"):
        build_table(root, name, workers=1)
    assert len(rows(root, "acquisitions")) == 4
    answer = why(root, "acquisitions.manufacturer", ["2.25.9"], offline=True)
    (explained,) = answer.explanations
    assert explained.value == "GE"
    (blob,) = explained.blobs
    assert (blob.path, blob.md5) == (SLICE, digest)
    assert blob.role == "row of 2.25.9, column 'Manufacturer'"


def test_a_refusal_is_one_line_and_exit_code_2(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from etl.cli import main

    monkeypatch.chdir(root)
    monkeypatch.setattr("sys.argv", ["ispy1", "idc", "nowhere.parquet"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_help_has_examples() -> None:
    shown = CliRunner().invoke(app, ["idc", "--help"])
    assert shown.exit_code == 0
    assert "ispy1 idc --output" in shown.stdout.replace("\n", " ")
