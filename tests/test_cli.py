"""Commands are found by their files."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

import etl.cli

TOPIC = '''
def register(app):
    app.command()(greet)

def greet():
    """Greet the reader."""
'''


def test_a_file_in_the_folder_is_a_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing else is edited, and the new command comes after those of its panel."""
    (tmp_path / "greetings.py").write_text(TOPIC)
    monkeypatch.setattr(etl.cli, "__path__", [*etl.cli.__path__, str(tmp_path)])
    app = typer.Typer()
    etl.cli._register_topics(app)
    monkeypatch.delitem(sys.modules, "etl.cli.greetings")
    words = CliRunner().invoke(app, ["--help"]).output.split()
    assert words.index("status") < words.index("greet")
