"""One small phantom for all tests of this folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from etl.phantom.build import make

CASES = 3


@dataclass(frozen=True)
class Phantom:
    release: Path
    truth_path: Path
    truth: dict[tuple[str, str, str], float]
    progress: list[tuple[int, int, str]]

    @property
    def case_ids(self) -> list[str]:
        return sorted({case_id for case_id, _, _ in self.truth if case_id})

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
    seen: list[tuple[int, int, str]] = []
    make(
        release,
        truth_path,
        cases=CASES,
        workers=2,
        progress=lambda done, total, case_id: seen.append((done, total, case_id)),
    )
    rows = pq.read_table(truth_path).to_pylist()
    truth = {(row["case_id"], row["subject"], row["quantity"]): row["value"] for row in rows}
    return Phantom(release, truth_path, truth, seen)
