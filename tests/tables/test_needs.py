"""What a table waits for is what it declares: nothing else can be read, and nothing is left out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from support import build_table

from etl.build.index import import_table, list_tables

NEEDS = [(name, need) for name in list_tables() for need in import_table(name).TABLE.needs]


def test_tables_come_behind_what_they_need() -> None:
    order = list_tables()
    assert all(order.index(need) < order.index(name) for name, need in NEEDS)


@pytest.mark.parametrize(("name", "need"), NEEDS)
def test_a_need_that_is_not_declared_cannot_be_read(
    rebuilt: Path, monkeypatch: pytest.MonkeyPatch, name: str, need: str
) -> None:
    module = import_table(name)
    fewer = tuple(other for other in module.TABLE.needs if other != need)
    monkeypatch.setattr(module, "TABLE", replace(module.TABLE, needs=fewer))
    with pytest.raises(LookupError, match=f"{need} is read, but not among"):
        build_table(rebuilt, name)
