"""What tests of engines share: each needs packages that `make engines` installs."""

from __future__ import annotations

import importlib.util

import pytest


def need(module: str) -> None:
    """Skip where a package is not installed."""
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not installed: `make engines` installs it")
