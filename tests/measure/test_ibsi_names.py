"""The catalog and the reference values name the features as the code does."""

from __future__ import annotations

import csv
from pathlib import Path

from support import ROOT

from etl.measure.ibsi_names import ALL_FAMILIES, FAMILIES, NEEDS_IMAGE, list_names, needs_image
from etl.model.git_tables import RECOMPUTED_CATALOG, read_csv_input

CATALOG = [
    dict(zip(RECOMPUTED_CATALOG.names, row, strict=True))
    for row in read_csv_input(RECOMPUTED_CATALOG, ROOT / "sql/recomputed_catalog.csv")
]


def test_the_catalog_lists_the_features_of_the_table() -> None:
    wanted = [(name, family) for family in FAMILIES for name in list_names(family)]
    assert [(row["feature"], row["family"]) for row in CATALOG] == wanted
    assert [row["position"] for row in CATALOG] == list(range(1, 129))
    assert {row["feature"] for row in CATALOG if not row["needs_image"]} == {
        name for name in list_names("morphology") if name not in NEEDS_IMAGE
    }
    assert [row["needs_image"] for row in CATALOG] == [needs_image(name) for name, _ in wanted]


def test_codes_are_four_characters_and_unique() -> None:
    """RNU0 and QCFX are those that everybody knows: volume by mesh, sphericity."""
    codes = {str(row["ibsi_code"]): row["feature"] for row in CATALOG}
    assert len(codes) == 128
    assert all(len(code) == 4 and code.isalnum() and code == code.upper() for code in codes)
    assert (codes["RNU0"], codes["QCFX"]) == ("morph_volume", "morph_sphericity")


def test_names_are_those_of_the_reference_values(real: Path) -> None:
    with (real / "ibsi/reference_values.csv").open(newline="") as file:
        tags = [row["tag"] for row in csv.DictReader(file)]
    for family in ALL_FAMILIES:
        for aggregation in ("avg", "comb"):
            names = list_names(family, aggregation)
            assert [tag for tag in tags if tag in names] == list(names)
