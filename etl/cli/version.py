"""Which versions of code and libraries run."""

from __future__ import annotations

import platform
from importlib.metadata import version
from pathlib import Path

import etl
from etl.model.errors import UserError
from etl.versions.run_git import describe_checkout

PACKAGE = "ispy1-warehouse"


def describe_version() -> str:
    """Return the versions of the package, its checkout where there is one, Python and DuckDB."""
    try:
        commit = describe_checkout(Path(etl.__file__).parents[1])
    except UserError:  # git is not installed
        commit = None
    revision = f" (git {commit})" if commit else ""
    libraries = f"Python {platform.python_version()}, duckdb {version('duckdb')}"
    return f"ispy1 {version(PACKAGE)}{revision}, {libraries}"
