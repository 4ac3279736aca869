"""How far DVC has come with the files of a release."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any


def count_files(release: Path, progress: Callable[[int, int], None]) -> Any:  # noqa: ANN401
    """Return what DVC's builder tells of each file that it looked at."""
    from fsspec.callbacks import Callback

    total = sum(len(files) for _, _, files in os.walk(release))

    class Files(Callback):  # type: ignore[misc]  # fsspec has no types
        def call(self, *_: object, **_more: object) -> None:
            progress(self.value, max(total, self.value))

    return Files()
