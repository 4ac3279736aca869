"""Croissant: mlcroissant takes the description, and reads through it what the warehouse holds."""

from __future__ import annotations

import hashlib
import json
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

import etl
from engines.conftest import Exports, need
from etl.exchange import export_for
from etl.exchange.target import Options

mlcroissant = need("mlcroissant")
# Its own: parsers of rdflib and pandas that will change.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture(scope="module")
def written(exports: Exports) -> Path:
    (path,) = export_for(
        "croissant", exports.phantom, exports.folder / "croissant", Options()
    ).paths
    return path


@pytest.fixture(scope="module")
def dataset(written: Path) -> Any:  # noqa: ANN401  mlcroissant is not typed
    return mlcroissant.Dataset(str(written))


def test_it_is_valid_without_a_warning(dataset: Any) -> None:  # noqa: ANN401
    issues = dataset.metadata.ctx.issues
    assert not issues.errors
    missing = [warning for warning in issues.warnings if "datePublished" not in warning]
    assert not missing  # the made project has no commit, and so no date
    assert dataset.metadata.ctx.conforms_to.value == "http://mlcommons.org/croissant/1.1"


def test_records_are_the_rows(dataset: Any, exports: Exports) -> None:  # noqa: ANN401
    sql = "select case_id, mask, volume_cm3, voxel_count, touches_border, stored_values from masks"
    with etl.connect(exports.phantom) as db:
        expected = sorted(db.execute(sql).fetchall())
    names = [f"masks/{column}" for column in sql.removesuffix(" from masks")[7:].split(", ")]
    rows = [
        tuple(v.decode() if isinstance(v, bytes) else v for v in (record[n] for n in names))
        for record in dataset.records("masks")
    ]
    assert sorted(rows) == expected


def test_every_table_loads_with_all_its_columns(dataset: Any, exports: Exports) -> None:  # noqa: ANN401
    with etl.connect(exports.phantom) as db:
        for record_set in dataset.metadata.record_sets:
            name = record_set.id
            records = list(islice(dataset.records(name), 3))
            columns = [column[0] for column in db.execute(f"from {name} limit 0").description or ()]
            assert records, name
            assert list(records[0]) == [f"{name}/{column}" for column in columns]


def test_a_file_per_case_gives_the_case(dataset: Any) -> None:  # noqa: ANN401
    (record,) = islice(dataset.records("voxels"), 1)
    assert record["voxels/case_id"] in (b"ISPY1_9001", b"ISPY1_9002")


def test_files_have_the_hashes_that_it_states(written: Path) -> None:
    content = json.loads(written.read_text())
    files = [file for file in content["distribution"] if file["@type"] == "cr:FileObject"]
    hashed = {"md5": 0, "sha256": 0}
    for file in files:
        kind = "md5" if "md5" in file else "sha256"
        data = (written.parent / file["contentUrl"]).read_bytes()
        assert hashlib.new(kind, data).hexdigest() == file[kind]
        hashed[kind] += 1
    assert hashed["md5"] > 2 * 9
    assert hashed["sha256"] == len(list(written.parent.glob("parquet/*.parquet")))
    assert content["isLiveDataset"] is False
    volume = next(
        field
        for rows in content["recordSet"]
        for field in rows["field"]
        if field["@id"] == "masks/volume_cm3"
    )
    assert volume["description"].endswith("[cm3]")
