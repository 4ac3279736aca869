"""A recipe changes with what decides a table's bytes, and with nothing else."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support import ROOT

from etl import recipe as recipes
from etl.index import TABLES
from etl.known_issues import PATH
from etl.profile import Profile, Threshold, load_profile
from etl.recipe import closure, recipe

PROFILE = load_profile(ROOT, "phantom")
Edit = Callable[[str], set[str]]


def recipe_of(table: str, profile: Profile = PROFILE, root: Path = ROOT) -> str:
    return recipe(f"etl.tables.{table}", profile, root)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Edit]:
    """Edits a module of a copy of the package; gives the tables whose recipe changed."""
    copy = tmp_path / "etl"
    shutil.copytree(recipes.PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(recipes, "PACKAGE", copy)
    recipes._imports.cache_clear()
    before = {name: recipe_of(name) for name in TABLES}

    def edit(module: str) -> set[str]:
        path = copy / module
        path.write_text(path.read_text() + "\n\ndef added() -> None:\n    pass\n")
        recipes._imports.cache_clear()
        return {name for name in TABLES if recipe_of(name) != before[name]}

    yield edit
    recipes._imports.cache_clear()


OF_CASES = {"mask_agreement", "phase_fits", "kinetics", "captk_features"}


@pytest.mark.parametrize(
    ("module", "tables"),
    [
        ("measure/shape.py", {"masks"}),
        ("measure/mask.py", {"masks", "recomputed_features", *OF_CASES}),
        ("measure/agreement.py", {"mask_agreement"}),
        ("measure/carry.py", OF_CASES),
        ("measure/phase_fit.py", {"phase_fits"}),
        ("measure/kinetics.py", {"kinetics"}),
        ("measure/intensity.py", {"images", "phase_fits"}),
        ("read/nifti.py", {"images", "masks", "recomputed_features", *OF_CASES}),
        ("measure/ibsi.py", {"recomputed_features"}),
        ("measure/together.py", {"recomputed_features"}),
        ("measure/captk_glcm.py", {"captk_features"}),
        ("measure/audit.py", {"feature_audit"}),
        ("tables/feature_catalog.py", {"feature_catalog", "feature_audit"}),
        ("tables/images.py", {"images"}),
        ("tables/masks.py", {"masks"}),
        ("read/manifest.py", {"blobs", "cases"}),
        ("tables/trial.py", {"clinical", "outcomes", "cases"}),
        ("store.py", set(TABLES)),
        ("schema.py", set(TABLES)),
        ("build.py", set()),
        ("pool.py", set()),
        ("warehouse.py", set()),
        ("gate.py", set()),
        ("phantom/shapes.py", set()),
    ],
)
def test_an_edit_changes_the_tables_that_it_decides(
    package: Edit, module: str, tables: set[str]
) -> None:
    assert package(module) == tables


def test_a_new_import_joins_the_closure(package: Edit) -> None:
    path = recipes.PACKAGE / "measure" / "helper.py"
    path.write_text("FACTOR = 1\n")
    shape = recipes.PACKAGE / "measure" / "shape.py"
    shape.write_text("from etl.measure import helper\n" + shape.read_text())
    recipes._imports.cache_clear()
    before = recipe_of("masks")
    assert "masks" in package("measure/helper.py")
    assert recipe_of("masks") != before


def test_closure_of_masks() -> None:
    modules, outside = closure(("etl.tables.masks",))
    assert {"etl.read.nifti", "etl.measure.shape", "etl.measure.mask", "etl.schema"} <= modules
    assert not {
        m for m in modules if m.startswith(("etl.card", "etl.phantom", "etl.gate", "etl.cli"))
    }
    assert {"numpy", "nibabel", "isal", "cc3d", "scipy", "skimage"} <= outside
    assert not outside & {"dvc", "duckdb", "great_expectations", "pandas"}


def test_library_versions_that_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    before = {name: recipe_of(name) for name in TABLES}
    real = recipes._version

    def newer(name: str) -> str | None:
        return "999" if name == "cc3d" else real(name)

    monkeypatch.setattr(recipes, "_version", newer)
    changed = {name for name in TABLES if recipe_of(name) != before[name]}
    assert changed == {"masks", "recomputed_features", *OF_CASES}


def test_versions_are_found_under_their_distribution_name() -> None:
    for name in ("cc3d", "skimage", "numpy", "nibabel", "isal", "pyarrow", "fastexcel", "zrad"):
        assert recipes._version(name), name
    assert recipes._version("json") is None


def test_names_belong_to_the_recipe_and_thresholds_do_not() -> None:
    strict = {"x": Threshold(value=1, severity="info", source="nobody")}
    judged = PROFILE.model_copy(update={"thresholds": strict, "expected_ids": (1, 2)})
    named = PROFILE.model_copy(update={"mask_folder_prefix": "m_"})
    for name in TABLES:
        assert recipe_of(name, judged) == recipe_of(name)
        assert recipe_of(name, named) != recipe_of(name)


def test_files_beside_the_release(project: Path) -> None:
    def of_cases() -> str:
        return recipe("etl.tables.cases", PROFILE, project, (PATH,))

    before = of_cases()
    (project / PATH).write_text((project / PATH).read_text() + "ISPY1_9001,x,1,a note,nobody\n")
    changed = of_cases()
    assert changed != before
    (project / PATH).unlink()
    assert of_cases() not in (before, changed)


def test_recipe_is_the_same_for_any_root(tmp_path: Path) -> None:
    assert recipe_of("masks", root=tmp_path) == recipe_of("masks")
    assert len(recipe_of("masks")) == 32
