"""What the tests of engines share."""

from __future__ import annotations

from importlib.util import find_spec

import pytest


def need(module: str) -> None:
    """Skip a test, or all of a module, where a package is missing."""
    if find_spec(module) is None:
        reason = f"{module} is not installed: `make engines` installs it"
        pytest.skip(reason, allow_module_level=True)
