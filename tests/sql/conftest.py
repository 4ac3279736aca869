"""A small project with made tables, and its warehouse. For reading only."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from made.small import make_project

import etl


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("sql") / "project")


@pytest.fixture(scope="session")
def db(project: Path) -> duckdb.DuckDBPyConnection:
    return etl.connect(project)
