"""The options of `ispy1 export` that lead to other tools."""

from __future__ import annotations

from contextlib import chdir
from pathlib import Path

import pytest
from typer.testing import CliRunner

from etl.cli import app
from etl.model.errors import UserError


def ask(root: Path, *words: str) -> str:
    with chdir(root):
        answer = CliRunner().invoke(app, ["export", *words], catch_exceptions=True)
    if answer.exception:
        raise answer.exception
    return answer.output


def test_it_says_what_was_written(released: Path, tmp_path: Path) -> None:
    folder = tmp_path / "Dataset101_ISPY1"
    lines = ask(released, str(folder), "--for", "nnunet", "--masks", "ftv").splitlines()
    assert lines[:2] == [f"{folder}/splits_final.json", f"{folder}/dataset.json"]
    assert lines[2] == "2 cases: n3, labels ftv; images: 6 by symlink."
    assert lines[3].startswith("2 of 2 labels had other values than 0 and 1")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--for", "excel"), "--for excel: expected nnunet, monai, croissant, rocrate, seg"),
        (("--for", "croissant", "--copy", "copy"), "--copy: --for croissant does not take it"),
        (("--for", "monai", "--files", "csv"), "--for monai: takes --images"),
        (("--for", "seg"), "the series of this release are synthetic"),
        (("--for", "seg", "--dicom", "nowhere"), "--dicom nowhere: no such folder"),
        (("--masks", "ftv"), "belong to --for"),
        (("--table", "masks"), "--table: belongs to --files xlsx"),
        (
            ("--table", "masks", "--files", "xlsx", "--files", "csv"),
            "belongs to --files xlsx alone",
        ),
        (("--files", "xlsx", "--table", "maks"), "maks"),
        (("--for", "monai", "--masks", "my_unet"), "--masks my_unet: the release has no such set"),
        (("--files", "xls"), "--files xls: expected json, csv or xlsx"),
    ],
)
def test_words_that_go_nowhere(
    released: Path, tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        ask(released, str(tmp_path / "out"), *words)
    assert not (tmp_path / "out").exists()


def test_named_tables_are_a_workbook_alone(released: Path, tmp_path: Path) -> None:
    words = ("--files", "xlsx", "--table", "masks")
    written, verdict = ask(released, str(tmp_path / "out"), *words).splitlines()
    assert written == f"{tmp_path}/out/warehouse.xlsx"
    assert verdict.startswith("These tables are not judged.")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["warehouse.xlsx"]
    with pytest.raises(UserError, match="is not empty"):
        ask(released, str(tmp_path / "out"), *words)


@pytest.mark.parametrize("words", [(), ("--for", "monai")])
def test_a_file_is_no_folder(released: Path, tmp_path: Path, words: tuple[str, ...]) -> None:
    (tmp_path / "notes.md").touch()
    with pytest.raises(UserError, match=r"notes.md: is a file. Name a folder"):
        ask(released, str(tmp_path / "notes.md"), *words)


@pytest.mark.parametrize("tool", ["monai", "croissant"])
def test_nothing_goes_into_what_the_project_is_made_of(released: Path, tool: str) -> None:
    with pytest.raises(UserError, match="it is not written over"):
        ask(released, "data/release/out", "--for", tool)


@pytest.mark.parametrize("tool", ["nnunet", "rocrate", "seg"])
def test_nothing_built_says_what_to_do(project: Path, tmp_path: Path, tool: str) -> None:
    with pytest.raises(UserError, match="no table is built yet"):
        ask(project, str(tmp_path / "out"), "--for", tool)
