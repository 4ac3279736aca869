"""The methods of a paper: counts from SQL, in parts where the release is in parts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from history import commit
from made import small
from typer.testing import CliRunner

import etl
from etl.ask.methods import format_methods
from etl.cli import app
from etl.model.params_file import set_params
from etl.versions.run_git import describe_checkout
from etl.warehouse.reports import METHODS


def test_its_figures_are_those_of_the_tables(built: Path) -> None:
    text = format_methods(built)
    with etl.connect(built) as connection:
        ((volume, dice),) = connection.execute(
            "select (select median(volume_cm3) from masks where mask = 'stv_manual'), median(dice) "
            "from mask_agreement where (mask_a, mask_b) = ('ftv', 'stv_manual')"
        ).fetchall()
    assert text.startswith("**PHANTOM.**")
    assert f"Mask set stv_manual: 2 masks, 2 not empty, median volume {volume:.2f} cm3" in text
    assert f"ftv and stv_manual: median Dice {dice:.2f}" in text
    assert "voxels of at least 70 % PE" in text  # params.yaml
    assert "Input: n3 images, phase 1, mask ftv (morphology alone)." in text
    assert "git revision `not recorded`" in text
    assert "features cannot be compared: they are constant" in text
    assert "not_comparable" not in text
    assert "none; the gate has not judged these tables" in text
    assert text.count("\n\n**") == text.count("\n\n")  # a paragraph a topic


def test_parts_without_a_table_are_left_out(tmp_path: Path) -> None:
    missing = ("outcomes", "mask_agreement", "kinetics", "recomputed_features", "feature_audit")
    text = format_methods(small.make_project(tmp_path / "project", without=missing))
    leads = re.findall(r"^\*\*(.+)\.\*\*", text, re.MULTILINE)
    assert leads == ["PHANTOM", "Data", "Volume and shape", "Folds", "Software", "References"]
    assert "outcome" not in text
    assert "Image set n3" in text
    empty = format_methods(small.make_project(tmp_path / "empty", empty=True))
    assert "It has 0 cases" in empty
    assert "Mask set" not in empty  # without a mask


def test_nothing_is_built_and_no_phantom(project: Path) -> None:
    set_params(project / "params.yaml", {"profile": "ispy1_tcia"})
    text = format_methods(project)
    assert text.startswith("**Data.** The data set is ISPY1-Tumor-SEG-Radiomics")
    assert "DOI: 10.7937/TCIA.XC7A-QT20; licence: CC BY 3.0" in text
    assert text.count("\n- ") == 5  # citations
    commit(project, "v7")
    assert describe_checkout(project) == "v7"


def test_the_command(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(built)

    def ask(*words: str) -> str:
        return CliRunner().invoke(app, ["report", *words]).stdout

    assert METHODS in ask()
    lines = ask(METHODS).splitlines()
    assert lines[0].startswith("PHANTOM. This release")
    assert lines[0].endswith("none may be published as one.")  # a paragraph is a line
    assert lines == [line.rstrip() for line in lines]
    assert ask(METHODS, "--format", "markdown") == format_methods(built)
    ask(METHODS, "--output", str(tmp_path / "methods.md"))
    assert (tmp_path / "methods.md").read_text() == format_methods(built)
    refused = CliRunner().invoke(app, ["report", METHODS, "--format", "csv"])
    assert "methods is text" in str(refused.exception)
