"""A project of two versions that questions are asked about, built once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from history import make_past

from etl.ask.why import contracts
from etl.warehouse.lineage import Schema, Source, find_all_sources


@pytest.fixture(scope="session")
def past(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For reading only."""
    return make_past(tmp_path_factory.mktemp("past") / "p")


@pytest.fixture
def copy(past: Path, tmp_path: Path) -> Path:
    """A copy of `past` that a test may change."""
    return Path(shutil.copytree(past, tmp_path / "p", symlinks=True))


@pytest.fixture(autouse=True, scope="session")
def _queries_are_followed_once() -> Iterator[None]:
    """sqlglot follows a frame of the gate to the same columns each time: it takes most of `why`."""
    answers: dict[str, Mapping[str, Sequence[Source]]] = {}

    def recall(
        sql: str, schema: Schema, views: Mapping[str, str]
    ) -> Mapping[str, Sequence[Source]]:
        key = repr((sql, schema, views))
        if key not in answers:
            answers[key] = find_all_sources(sql, schema, views)
        return answers[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contracts, "find_all_sources", recall)
        yield
