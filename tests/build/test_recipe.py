"""A recipe changes with what decides a table's bytes, and with nothing else."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from support import ROOT

from etl.build import recipe as recipes
from etl.build.index import import_table, list_tables
from etl.build.recipe import Recipe, find_closure, make_recipe, reach
from etl.model.git_tables import CSV_FILES
from etl.model.profile import Profile, Threshold, load_profile

PROFILE = load_profile(ROOT, "phantom")
PARSE = recipes._parse_module.__wrapped__
# (module, text, other text) -> the tables whose values are measured again, and those written again
Edit = Callable[[str, str, str], tuple[set[str], set[str]]]


def recipe_of(table: str, profile: Profile = PROFILE, root: Path = ROOT) -> Recipe:
    mask_sets = tuple(profile.masks) if import_table(table).TABLE.parts else ()
    return make_recipe(f"etl.tables.{table}", profile, root, mask_sets=mask_sets)


@pytest.fixture(scope="module")
def before() -> dict[str, Recipe]:
    return {name: recipe_of(name) for name in list_tables()}


@cache
def parse_source(module: str, source: bytes) -> object:  # noqa: ARG001  what tells edits apart
    """Parse a module once per content: an edit changes one of them."""
    return PARSE(module)


@pytest.fixture
def edit(
    before: dict[str, Recipe], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Edit]:
    """Edits a module of a copy of the package."""
    package = tmp_path / "etl"
    parse = cache(lambda name: parse_source(name, recipes._find_source(name).read_bytes()))
    monkeypatch.setattr(recipes, "_parse_module", parse)
    shutil.copytree(recipes.PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(recipes, "PACKAGE", package)

    def replace(module: str, text: str, other: str) -> tuple[set[str], set[str]]:
        path = package / module
        source = path.read_text()
        assert text in source
        path.write_text(source.replace(text, other, 1))
        forget()
        after = {name: recipe_of(name) for name in list_tables()}
        return (
            {name for name in list_tables() if after[name].values != before[name].values},
            {name for name in list_tables() if after[name].table != before[name].table},
        )

    yield replace
    forget()


def forget() -> None:
    """Let the recipes see what was edited since: a process reads the package once."""
    for kept in (
        recipes._parse_module,
        recipes._hash_package,
        recipes._read_kept,
        recipes._follow,
    ):
        kept.cache_clear()


DECLARED = {name: import_table(name).TABLE for name in list_tables()}
OF_MASKS = {name for name, table in DECLARED.items() if "mask" in table.reads}
OF_BLOBS = OF_MASKS | {name for name, table in DECLARED.items() if "image_" in table.reads}
MEASURED = {name for name, table in DECLARED.items() if table.per != "tables"}
ON_ANOTHER_GRID = {
    *("mask_agreement", "kinetics", "recomputed_features", "captk_features", "voxel_files"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("module", "text", "other", "measured"),
    [
        ("measure/shape.py", "36 *", "35 *", {"masks"}),  # a constant
        ("measure/mask.py", "connectivity=6", "connectivity=26",
         {"masks", "captk_features"}),  # an argument
        ("measure/mask.py", "bits &= finite", "bits |= finite", OF_MASKS),  # an operator
        ("measure/agreement.py", "95", "90", {"mask_agreement"}),
        ("measure/kinetics.py", "1.1", "1.2", {"kinetics"}),
        ("measure/border.py", "1e-9", "1e-8", {"voxel_files"}),
        ("model/store.py", 'compression="zstd"', 'compression="gzip"', {"voxel_files"}),
        ("measure/captk_glcm.py", "import numpy as np", "import math as np", {"captk_features"}),
        ("read/nifti.py", "FORM_TOLERANCE_MM = 0.01", "FORM_TOLERANCE_MM = 0.02", OF_BLOBS),
        ("measure/grids.py", "SAME_GRID_MM = 0.01", "SAME_GRID_MM = 0.02", ON_ANOTHER_GRID),
        ("model/project.py", 'encoding="utf-8"', 'encoding="utf-16"', MEASURED),
    ],
)  # fmt: skip
def test_what_measures_measures_again(
    edit: Edit, module: str, text: str, other: str, measured: set[str]
) -> None:
    values, tables = edit(module, text, other)
    assert values == measured
    assert measured <= tables


@pytest.mark.parametrize(
    ("module", "text", "other"),
    [
        ("model/project.py", "import functools", "# a note\nimport functools"),
        ("measure/mask.py", '"""Return where the scaled', '"""Return wherever the scaled'),
        ("measure/mask.py", "(voxels: Array,", "(voxels: np.ndarray[Any, Any],"),
        ("read/nifti.py", "def _parse_size(", "\n\n\ndef _parse_size("),
        ("gate/judge.py", "def judge(", "FACTOR = 2\ndef judge("),
        ("model/profile.py", "def load_profile(", "def added() -> None: ...\ndef load_profile("),
    ],
)  # fmt: skip
def test_words_and_what_is_not_reached_change_nothing(
    edit: Edit, module: str, text: str, other: str
) -> None:
    assert edit(module, text, other) == (set(), set())


@pytest.mark.parametrize(
    ("module", "text", "other", "written"),
    [
        ("tables/masks.py", "Face-connected components", "Components by face", {"masks"}),
        ("tables/masks.py", 'n_components int64', 'n_parts int64', {"masks"}),
        ("tables/masks.py", 'declared.grid] if', 'declared.grid] * 2 if', {"masks"}),  # assemble()
        ("model/schema.py", "MD5 of the blob as it", "MD5 of the file as it",
         {"images", "masks"}),
        ("tables/masks.py", 'references={"case_id": "cases", ', "references={", {"masks"}),
        ("tables/masks.py", "needs=(", "needs=() or (", {"masks"}),
        ("model/store.py", 'compression="zstd"', 'compression="lz4"', set(list_tables())),
    ],
)  # fmt: skip
def test_words_of_a_schema_and_assembly_write_again_and_measure_nothing(
    edit: Edit, module: str, text: str, other: str, written: set[str]
) -> None:
    values, tables = edit(module, text, other)
    assert tables == written
    # What has a file per case is written where it is measured.
    assert values <= ({"masks"} if "n_parts" in other else {"voxel_files"} & written)


def test_a_function_that_moves_inside_its_module_is_the_same(edit: Edit) -> None:
    path = recipes.PACKAGE / "measure/mask.py"
    start, end = "def digest_voxels", "@dataclass(frozen=True, slots=True)\nclass Components"
    before, _, rest = path.read_text().partition(start)
    moved, _, after = rest.partition(end)
    path.write_text(f"{before}{end}{after}\n\n{start}{moved}")
    assert edit("model/pool.py", "FEW = 4", "FEW = 5") == (set(), set())


def test_a_new_import_joins(edit: Edit) -> None:
    path = recipes.PACKAGE / "measure" / "helper.py"
    path.write_text("FACTOR = 36\n")
    shape = recipes.PACKAGE / "measure" / "shape.py"
    shape.write_text("from etl.measure import helper\n" + shape.read_text())
    assert edit("measure/shape.py", "36 *", "helper.FACTOR *")[0] == {"masks"}
    first = recipe_of("masks")
    edit("measure/helper.py", "36", "37")
    assert recipe_of("masks").values != first.values


def test_what_a_local_import_brings_is_reached() -> None:
    definitions, aliases = reach([("etl.tables.recomputed_features", "measure")])
    assert definitions["etl.measure.ibsi"]
    assert "zrad" in {target.split(".")[0] for _, target in aliases}


def test_closure_of_masks() -> None:
    modules, outside = find_closure("etl.tables.masks")
    assert {
        "etl.read.nifti",
        "etl.measure.shape",
        "etl.measure.mask",
        "etl.model.schema",
    } <= modules
    assert not {
        m
        for m in modules
        if m.startswith(("etl.ask.card", "etl.phantom", "etl.gate.judge", "etl.cli"))
    }
    assert {"numpy", "nibabel", "isal", "cc3d", "scipy", "skimage"} <= outside
    assert not outside & {"dvc", "duckdb", "great_expectations", "pandas"}


def test_library_versions_that_matter(
    before: dict[str, Recipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = recipes._find_version

    def newer(name: str) -> str | None:
        return "999" if name == "cc3d" else real(name)

    monkeypatch.setattr(recipes, "_find_version", newer)
    changed = {name for name in list_tables() if recipe_of(name).values != before[name].values}
    assert changed == {"masks", "recomputed_features", "captk_features"}


def test_versions_are_found_under_their_distribution_name() -> None:
    for name in ("cc3d", "skimage", "numpy", "nibabel", "isal", "pyarrow", "openpyxl", "zrad"):
        assert recipes._find_version(name), name
    assert recipes._find_version("json") is None


def test_names_belong_to_the_recipe_and_thresholds_do_not() -> None:
    strict = {"x": Threshold(value=1, severity="info", source="nobody")}
    judged = PROFILE.model_copy(update={"thresholds": strict, "title": "another"})
    named = PROFILE.model_copy(update={"mask_folder_prefix": "m_"})
    for name in list_tables():
        assert recipe_of(name, judged) == recipe_of(name)
        assert recipe_of(name, named).values != recipe_of(name).values


def test_parameters_belong_to_both() -> None:
    one, two = (make_recipe("etl.tables.kinetics", PROFILE, ROOT, (), {"p": n}) for n in (1, 2))
    assert one.values != two.values
    assert one.table != two.table


def test_files_beside_the_release(project: Path) -> None:
    name = CSV_FILES["known_issues"]

    def of_cases() -> Recipe:
        return make_recipe("etl.tables.cases", PROFILE, project, (name,))

    before = of_cases()
    (project / name).write_text((project / name).read_text() + "ISPY1_9001,x,1,a note,nobody\n")
    changed = of_cases()
    assert changed != before
    (project / name).unlink()
    assert of_cases() not in (before, changed)


def test_recipe_is_the_same_for_any_root(tmp_path: Path) -> None:
    assert recipe_of("masks", root=tmp_path) == recipe_of("masks")
    assert len(recipe_of("masks").table) == len(recipe_of("masks").values) == 32


@pytest.mark.parametrize("text", ["", "{}", "3", "null", '["half', "[1, 2, 3]"])
def test_damaged_descriptions_are_followed_again(tmp_path: Path, text: str) -> None:
    (tmp_path / ".dvc").mkdir()
    profile = load_profile(ROOT)
    module = "etl.tables.outcomes"
    recipe = make_recipe(module, profile, tmp_path)
    recipes.keep_descriptions(tmp_path)
    (tmp_path / ".dvc/tmp/ispy1" / recipes.KEPT).write_text(text)
    recipes._read_kept.cache_clear()
    assert make_recipe(module, profile, tmp_path) == recipe
