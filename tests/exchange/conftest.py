"""A built release of two cases with folds, for all exports."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from etl.model.project import params
from etl.model.store import table_path
from etl.warehouse.splits import update_splits


@pytest.fixture(scope="session")
def released(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For reading only."""
    root = Path(shutil.copytree(built, tmp_path_factory.mktemp("exchange") / "project"))
    params.cache_clear()
    update_splits(root)
    return root


@pytest.fixture
def lacking(released: Path, tmp_path: Path) -> Path:
    """The same, without a phase of the second case in its tables."""
    root = Path(shutil.copytree(released, tmp_path / "lacking"))
    path = table_path(root / "data/tables", "images")
    images = pq.read_table(path)
    gone = (pc.field("case_id") == "ISPY1_9002") & (pc.field("phase") == 2)
    pq.write_table(images.filter(~gone), path)
    return root
