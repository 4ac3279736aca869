"""One small phantom for all tests of this folder."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow.parquet as pq
import pytest

from etl.phantom.build import make

CASES = 3
MASKS = ("ftv", "stv_manual", "stv_resunet")
SHEETS = [
    "Clinical Data Dictionary",
    "TCIA Patient Clinical Subset",
    "Outcome Data Dictionary",
    "TCIA Outcomes Subset",
]


def read_sheet(path: Path, title: str, *, values: bool = True) -> list[tuple[Any, ...]]:
    """The rows of a sheet of a clinical workbook."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the real file holds an extension openpyxl does not know
        book = openpyxl.load_workbook(path, data_only=values)
    assert book.sheetnames == SHEETS
    return list(book[title].iter_rows(values_only=True))


@dataclass(frozen=True)
class Phantom:
    release: Path
    truth_path: Path
    truth: dict[tuple[str, str, str], float]
    progress: list[tuple[int, int, str]]

    @property
    def case_ids(self) -> list[str]:
        return sorted({case_id for case_id, _, _ in self.truth if case_id})

    def facts(self, case_id: str, subject: str) -> dict[str, float]:
        """What is true of a subject of a case, by quantity."""
        return {q: v for (c, s, q), v in self.truth.items() if (c, s) == (case_id, subject)}

    def mask(self, case_id: str, name: str) -> Path:
        return self.release / f"masks_{name}" / f"{case_id}.nii.gz"

    def n3(self, case_id: str, phase: int) -> Path:
        folder = self.release / "images_bias-corrected_nifti" / case_id
        return folder / f"{case_id}_DCE_{phase:04d}_N3.nii.gz"

    def zscored(self, case_id: str, phase: int) -> Path:
        folder = self.release / "images_bias-corrected_resampled_zscored_nifti" / case_id
        return folder / f"{case_id}_DCE_{phase:04d}_N3_zscored.nii.gz"


@pytest.fixture(scope="session")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Phantom:
    root = tmp_path_factory.mktemp("phantom")
    release, truth_path = root / "data" / "phantom", root / "data" / "truth.parquet"
    steps: list[tuple[int, int, str]] = []
    make(release, truth_path, cases=CASES, workers=2, progress=lambda *step: steps.append(step))
    rows = pq.read_table(truth_path).to_pylist()
    truth = {(row["case_id"], row["subject"], row["quantity"]): row["value"] for row in rows}
    return Phantom(release, truth_path, truth, steps)
