from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from etl.phantom import clinical

from .conftest import CASES, SHEETS, Phantom, read_sheet

Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> tuple[Rows, Rows]:
    path = tmp_path_factory.mktemp("clinical") / clinical.WORKBOOK
    subjects = [clinical.Subject(9001 + n, n % 2 == 0, 10.0 + n) for n in range(150)]
    clinical.write(path, subjects, seed=1)
    tables = []
    for title in SHEETS[1::2]:
        header, *rows = read_sheet(path, title)
        tables.append([dict(zip(header, row, strict=True)) for row in rows if row[0]])
    return tables[0], tables[1]


def test_form_is_the_real_one(phantom: Phantom, real: Path) -> None:
    for title in SHEETS:
        ours = read_sheet(phantom.release / clinical.WORKBOOK, title)
        theirs = read_sheet(real / clinical.WORKBOOK, title)
        assert len(ours[0]) == len(theirs[0])
        if "Dictionary" in title:
            assert [row[1] for row in ours if row[3] == "Number"][3:] != []
            assert ours[9] == theirs[9]
            assert {row[1] for row in theirs[10:] if row[3] == "Number"} >= {
                row[1] for row in ours[10:] if row[3] == "Number" and row[1] != "Her2MostPos"
            }
        else:
            assert ours[0] == theirs[0]


def test_formula_cells_hold_formula_and_cached_value(phantom: Phantom) -> None:
    path = phantom.release / clinical.WORKBOOK
    formulas = read_sheet(path, SHEETS[1], values=False)
    cached = read_sheet(path, SHEETS[1])
    assert formulas[1][8] == '=IF(ISBLANK(H2),"",IF(H2, 2, IF(G2,1,3)))'
    assert (
        formulas[1][9] == '=IF(ISBLANK(H2),"",IF(H2,"HER2pos",IF(G2,"HRposHER2neg","TripleNeg")))'
    )
    assert cached[1][8] in {1, 2, 3}
    assert cached[1][9] in {"HER2pos", "HRposHER2neg", "TripleNeg"}


def test_covers_the_release_and_four_more_and_ends_blank(phantom: Phantom) -> None:
    path = phantom.release / clinical.WORKBOOK
    rows = read_sheet(path, SHEETS[1])
    assert [row[0] for row in rows[1:-1]] == list(range(9001, 9001 + CASES + 4))
    assert set(rows[-1]) == {None}
    outcomes = read_sheet(path, SHEETS[3])
    assert [row[0] for row in outcomes[1:]] == [row[0] for row in rows[1:-1]]
    for row in rows[1 : CASES + 1]:
        assert row[11] == phantom.truth[f"ISPY1_{row[0]}", "case", "laterality"]


def test_clinical_rules_hold(many: tuple[Rows, Rows]) -> None:
    for row in many[0]:
        assert 25 <= row["age"] <= 80
        assert row["race_id"] in {1, 3, 4, 5, 6, 50}
        if row["HR Pos"] is not None:
            assert row["HR Pos"] == max(row["ERpos"], row["PgRpos"])
        category = row["HR_HER2_CATEGORY"]
        if row["Her2MostPos"] is None:
            assert not category.strip()
            assert not row["HR_HER2_STATUS"].strip()
        else:
            assert category == (2 if row["Her2MostPos"] else 1 if row["HR Pos"] else 3)
        assert 0 < row["MRI LD Baseline"] <= 200
        for name in ("MRI LD 1-3dAC", "MRI LD InterReg", "MRI LD PreSurg"):
            assert row[name] is None or 0 <= row[name] <= 200


def test_blanks_and_zeros_occur(many: tuple[Rows, Rows]) -> None:
    first, outcomes = (rows[:12] for rows in many)
    assert any(row["Her2MostPos"] is None for row in first)
    assert any(row["HR Pos"] is None for row in first)
    assert any(row["PCR"] is None for row in outcomes)
    assert any(row["RCBClass"] is None and row["PCR"] is not None for row in outcomes)
    assert any(row["MRI LD PreSurg"] == 0 for row in many[0])


def test_outcome_rules_hold(many: tuple[Rows, Rows]) -> None:
    for row in many[1]:
        if row["PCR"] is not None and row["RCBClass"] is not None:
            assert (row["PCR"] == 1) == (row["RCBClass"] == 0)
        assert row["sstat"] in {7, 8, 9}
        assert row["rfs_ind"] in {0, 1}
        if row["sstat"] == 8:
            assert row["rfs_ind"] == 1
    assert {row["sstat"] for row in many[1]} == {7, 8, 9}
    assert any(row["RFS"] > row["survDtD2 (tx)"] for row in many[1])
