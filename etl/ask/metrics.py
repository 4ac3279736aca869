"""reports/metrics.json and reports/plots: what `dvc metrics diff` and `dvc plots diff` compare.

Every query of sql/metrics gives names and values. The same tables and verdict give the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from etl.ask.card.template import ask
from etl.model.store import write_text
from etl.text.output import format_csv
from etl.warehouse.connect import connect, hide_python_objects
from etl.warehouse.reports import list_reports
from etl.warehouse.views import read_sql

METRICS = "reports/metrics.json"
PLOTS = "reports/plots"
QUERIES = "sql/metrics"
VOLUMES = "volumes"  # of every case: a plot, as the report has them
COLUMNS = ("case_id", "ftv_cm3", "stv_manual_cm3", "stv_resunet_cm3")


def write_metrics(root: Path) -> Path:
    """Write the metrics of the project at `root`, and the data of its plots.

    Raises:
        UserError: the warehouse cannot be opened, or the disk refuses.
    """
    with connect(root) as connection:
        hide_python_objects(connection)
        metrics = {
            name: {row["name"]: row["value"] for row in ask(connection, query)}
            for name, query in read_sql(root / QUERIES).items()
        }
        cases = ask(connection, list_reports(root)[VOLUMES])
    for name, values in metrics.items():
        _write_plot(root, name, ("name", "value"), values.items())
    _write_plot(root, VOLUMES, COLUMNS, ([row[name] for name in COLUMNS] for row in cases))
    return write_text(root / METRICS, json.dumps(metrics, indent=2) + "\n")


def _write_plot(
    root: Path, name: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    write_text(root / PLOTS / f"{name}.csv", "".join(format_csv(columns, rows)))
