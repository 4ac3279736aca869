"""examples/tour.ipynb runs from top to bottom, and is committed as it was written."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import made
import pytest
from contract import declared
from history import make_history
from support import ROOT

from engines.conftest import need
from etl.model.project import TABLES
from etl.model.schema import Table
from etl.model.store import read_table, table_path, write_table

nbclient, nbformat = need("nbclient"), need("nbformat")
for module in ("altair", "ipykernel", "sklearn", "vl_convert"):
    need(module)

NOTEBOOK = ROOT / "examples" / "tour.ipynb"
LIKE, N_MORE = "ISPY1_9001", 10


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Made tables with the tag v1, voxels of two cases, and as many cases as a model needs."""
    root = make_history(tmp_path / "project", remote=tmp_path / "store")
    schemas, folds = declared(), (root / "splits.csv").read_text()
    for name in ("cases", "clinical", "outcomes", "masks"):
        rows = read_table(table_path(root / TABLES, name)).to_pylist()
        rows += [
            change(row, n) for n in range(N_MORE) for row in list(rows) if row["case_id"] == LIKE
        ]
        schema = schemas[name]
        assert isinstance(schema, Table)
        write_table(schema, rows, table_path(root / TABLES, name), meta=made.META)
    lines = (f"ISPY1_{9100 + n},{n % 5},TN,true,ISPY1-PHANTOM\n" for n in range(N_MORE))
    (root / "splits.csv").write_text("".join((folds, *lines)))
    return root


def change(row: dict[str, Any], n: int) -> dict[str, Any]:
    """A case like this one, of another size, age and outcome."""
    values = {"pcr": n % 3 == 0, "age_years": 40.0 + n, "volume_cm3": 1.0 + n}
    given = {name: value for name, value in values.items() if name in row}
    return row | given | {"case_id": f"ISPY1_{9100 + n}"}


def test_it_runs(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR"):  # not in the home of whoever tests
        monkeypatch.setenv(name, str(tmp_path / name))
    folder = Path(shutil.copytree(NOTEBOOK.parent, root / "examples"))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    where = {"metadata": {"path": str(folder)}}
    nbclient.NotebookClient(notebook, timeout=600, resources=where).execute()
    shown = {cell.id: cell.outputs[-1].data for cell in notebook.cells if cell.get("outputs")}
    assert "ISPY1-PHANTOM" in shown["connect"]["text/html"]
    assert "<td>stv_manual</td>" in shown["labels"]["text/html"]
    assert shown["volumes"]["image/png"]
    assert shown["rings"]["image/png"]
    assert "<td>100.0</td>" in shown["voxels"]["text/html"]  # pe_percent
    assert "logistic regression" in shown["fit"]["text/plain"]
    assert shown["diff"]["text/markdown"].startswith("### v1 → the working tree")


def test_it_is_committed_without_what_it_gave() -> None:
    notebook = json.loads(NOTEBOOK.read_text())
    nbformat.validate(notebook)
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
    names = [cell["id"] for cell in notebook["cells"]]
    assert len(set(names)) == len(names)
    assert all(name.isalpha() for name in names)  # given by people: no editor made them anew
