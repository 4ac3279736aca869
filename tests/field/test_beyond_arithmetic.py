"""Numbers whose squares or sums are infinite: null and a finding, in no table inf or NaN."""

from __future__ import annotations

import math
import warnings
from pathlib import Path

import numpy as np
import pytest
from support import (
    CASES,
    Row,
    build,
    by_nibabel,
    clinical_row,
    feature_rows,
    findings,
    make_project,
    make_release,
    outcomes_row,
    rows,
    write_clinical,
    write_features,
    write_nifti,
)

from etl.build.finite import drop_nonfinite
from etl.build.index import import_table, list_tables
from etl.model.errors import UserError
from etl.model.schema import CASE_ID, Column, TableSchema, parse_columns
from etl.model.store import convert_to_arrow, write_table

CASE = CASES[0]
HUGE = 1e308
THINGS = TableSchema(
    "things", "One row per thing", ("case_id", "name"),
    (CASE_ID, Column("name", "string", "Name"),
     *parse_columns("size double? Size\nsides list<double> Sides")),
)  # fmt: skip


def spoil(release: Path) -> None:
    """One case's images hold two huge voxels, its masks are huge where they are set."""
    for path in sorted(release.rglob(f"*{CASE}*.nii.gz")):
        image = by_nibabel(path)
        voxels = np.asarray(image.dataobj, dtype=np.float64)
        if path.parent.name.startswith("masks"):
            voxels[voxels != 0] = HUGE
        else:
            voxels[tuple(n // 2 for n in voxels.shape)] = HUGE
            voxels[0, 0, 0] = -HUGE
        write_nifti(path, voxels, image.affine)
    (workbook,) = release.glob("*eatures*.xlsx")
    header, first, *others = feature_rows()
    write_features(workbook, [header, [first[0], *[1e300] * (len(first) - 1)], *others])
    write_clinical(
        next(release.glob("*linical*.xlsx")),
        clinical=[clinical_row(CASE, age=1e300, **{"MRI LD Baseline": -1e300})],
        outcomes=[outcomes_row(CASE, RFS=1e20)],
    )


@pytest.fixture(scope="module")
def spoilt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = make_project(tmp_path_factory.mktemp("spoilt") / "project")
    spoil(make_release(root / "data" / "release"))
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)  # none is printed at the user
        build(root)
    return root


@pytest.mark.parametrize("name", list_tables())
def test_every_number_of_every_table_is_finite(spoilt: Path, name: str) -> None:
    kinds = {column.name: column.kind for column in import_table(name).TABLE.columns}
    doubles = [column for column, kind in kinds.items() if "double" in kind]
    for row in rows(spoilt, name):
        for column in doubles:
            values = row[column] if isinstance(row[column], list) else [row[column]]
            assert all(value is None or math.isfinite(value) for value in values), (column, row)


def test_what_is_null_for_it_is_told(spoilt: Path) -> None:
    told = {(row["table"], row["check"].partition(":")[0]) for row in findings(spoilt)}
    assert told >= {
        ("images", "beyond_arithmetic"),
        ("features", "not_a_number"),
        ("clinical", "not_a_number"),
        ("outcomes", "not_an_integer"),
        ("captk_features", "nonfinite_in_region"),
        ("recomputed_features", "features_undefined"),
    }
    cells = [row for row in findings(spoilt) if row["check"] == "not_a_number:age"]
    (cell,) = cells
    assert (cell["case_id"], cell["observed"].split()[0]) == (CASE, "'1e+300'")
    first = [row["value"] for row in rows(spoilt, "features") if row["case_id"] == CASE]
    assert set(first) == {None}


def thing(**values: object) -> Row:
    return {"case_id": "A", "name": "one", "size": 1.0, "sides": [1.0], **values}


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_a_measure_that_is_not_finite_is_null_with_a_finding(value: float) -> None:
    made = convert_to_arrow(THINGS, [thing(), thing(name="two", size=value)])
    kept, (finding,) = drop_nonfinite(THINGS, made)
    assert kept["size"].to_pylist() == [1.0, None]
    assert (finding.case_id, finding.check) == ("A", "not_finite:size")
    assert finding.observed == f"size is {value} in 1 row(s), first at name two"


@pytest.mark.parametrize("values", [{"size": math.inf}, {"sides": [0.0, math.nan]}])
def test_the_store_refuses_what_is_not_finite(tmp_path: Path, values: Row) -> None:
    with pytest.raises(UserError, match=rf"things\.{next(iter(values))}: a value is infinite"):
        write_table(THINGS, [thing(**values)], tmp_path / "things.parquet", meta={})
    assert not list(tmp_path.iterdir())
