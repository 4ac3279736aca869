"""What `dvc metrics diff` and `dvc plots diff` compare: from the tables, in the files declared."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from support import ROOT

import etl
from etl.ask.card.card import CARD
from etl.ask.metrics import PLOTS, write_metrics
from etl.model.project import read_yaml


def test_metrics_and_plots_are_the_same_figures(rebuilt: Path) -> None:
    metrics = json.loads(write_metrics(rebuilt).read_text())
    with etl.connect(rebuilt) as connection:
        volumes = dict(
            connection.execute("select mask, median(volume_cm3) from masks group by 1").fetchall()
        )
    assert metrics["median_volume_cm3"] == pytest.approx(volumes, abs=1e-6)
    assert metrics["cases"]["in_release_cases"] == 2
    assert metrics["coverage"]["mask_ftv"] == 1
    assert metrics["median_dice"].keys() >= {"ftv stv_manual"}
    assert metrics["broken_contracts"] == {}  # the gate has not judged these tables
    for name, values in metrics.items():
        with (rebuilt / PLOTS / f"{name}.csv").open() as file:
            assert {row["name"]: float(row["value"]) for row in csv.DictReader(file)} == values
    assert (rebuilt / PLOTS / "volumes.csv").read_text().count("\n") == 1 + 2


def test_same_tables_same_bytes_in_the_files_that_dvc_knows(rebuilt: Path) -> None:
    def read() -> dict[str, bytes]:
        files = [write_metrics(rebuilt), *(rebuilt / PLOTS).iterdir()]
        return {str(path.relative_to(rebuilt)): path.read_bytes() for path in files}

    first = read()
    assert read() == first
    card = read_yaml(ROOT / "dvc.yaml")["stages"]["card"]
    outs = {path for kind in ("outs", "metrics", "plots") for out in card[kind] for path in out}
    assert outs - {CARD, "reports/card.png"} == first.keys()


def test_without_a_table_its_figures_are_left_out(rebuilt: Path) -> None:
    (rebuilt / "data/tables/mask_agreement.parquet").unlink()
    metrics = json.loads(write_metrics(rebuilt).read_text())
    assert metrics["median_dice"] == {}
    assert metrics["median_volume_cm3"]
