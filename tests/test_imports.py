"""Imports point one way: from the command line to the bytes, never back."""

from __future__ import annotations

import ast
import sys
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest
from support import ROOT

# Who may import whom: a module imports modules of layers below its own, or of its own layer.
# Each layer is named by modules or packages; the most exact name counts.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("etl.model", "etl.measure"),
    ("etl.read", "etl.phantom"),
    ("etl.versions",),
    ("etl.tables",),
    ("etl.build",),
    ("etl.text",),
    ("etl.warehouse",),
    ("etl.gate",),
    ("etl.ask", "etl.adopt", "etl.exchange"),
    ("etl.site",),
    ("etl.cli",),
)

# Libraries that only some modules may import, however deep in a function.
ONLY_IN = {
    "great_expectations": ("etl.gate.engine",),
    "dvc": ("etl.versions",),
    "dvc_data": ("etl.versions",),
    "subprocess": ("etl.versions",),  # git and DVC are asked there, and nobody else is
    "nibabel": ("etl.read", "etl.phantom", "etl.exchange.labels"),
    "isal": ("etl.read", "etl.phantom"),
    "openpyxl": ("etl.read",),
    "xlsxwriter": ("etl.phantom", "etl.exchange.xlsx"),
    "cc3d": ("etl.measure",),
    "typer": ("etl.cli",),
    "jinja2": ("etl.ask.diff.sql_text", "etl.site.page"),
    "altair": ("etl.site",),
    "vl_convert": ("etl.site",),
    "starlette": ("etl.site.serve",),
    "uvicorn": ("etl.site.serve",),
    "multiprocessing": ("etl.model.pool",),
    "concurrent": ("etl.gate.judge", "etl.model.pool", "etl.model.cluster"),  # gate: a thread
    "distributed": ("etl.model.cluster",),
    "dask": ("etl.model.cluster",),
    "sqlite3": ("etl.build.kept_units",),
    "ruamel": ("etl.model.params_file",),
    "deltalake": ("etl.warehouse.delta",),
    "highdicom": ("etl.exchange.seg", "etl.exchange.series"),
    "pydicom": ("etl.exchange.seg", "etl.exchange.series"),
    "upath": ("etl.model.address",),
    "zrad": ("etl.measure.autocorrelation", "etl.measure.ibsi", "etl.measure.texture"),
}
# What a package may import of the project, when its layer alone would allow more.
NARROW = {
    "etl.measure": ("etl.measure",),
    "etl.read": ("etl.read", "etl.model.errors", "etl.measure.grids", "etl.measure.arrays"),
    "etl.phantom": ("etl.phantom", "etl.model.errors", "etl.model.feature_names", "etl.model.pool"),
}
# Too slow to import for a command that does not need it: only inside functions.
SLOW = (
    "great_expectations", "dvc", "dvc_data", "nibabel", "pandas", "polars", "skimage", "scipy",
    "upath", "zrad", "altair", "jinja2", "starlette", "uvicorn", "vl_convert",
)  # fmt: skip
SLOW_ALLOWED = (
    "etl.measure", "etl.phantom", "etl.tables", "etl.tables.assembly", "etl.build.seed",
    "etl.build.run", "etl.site",
)  # fmt: skip


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in sorted((ROOT / "etl").rglob("*.py"))}


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_bytes())


def typing_only(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) in (
        "TYPE_CHECKING",
        "typing.TYPE_CHECKING",
    )


def runtime_nodes(node: ast.AST, *, deep: bool) -> list[ast.AST]:
    """Every node that runs; without `deep`, only what runs at import."""
    found: list[ast.AST] = []
    for child in ast.iter_child_nodes(node):
        if typing_only(child):
            continue
        found.append(child)
        if deep or not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            found += runtime_nodes(child, deep=deep)
    return found


def imports(module: str, *, deep: bool = True) -> set[str]:
    """Full names that a module imports; `from a import b` is `a.b` where that is a module."""
    found: set[str] = set()
    for node in runtime_nodes(tree(module), deep=deep):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative import"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name for name in names if name in MODULES}
            if not names <= set(MODULES):
                found.add(str(node.module))
    return found


def within(module: str, packages: tuple[str, ...]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def layer(module: str) -> int:
    exact = [
        (len(name), n)
        for n, names in enumerate(LAYERS)
        for name in names
        if within(module, (name,))
    ]
    assert exact, f"{module}: give it a layer in tests/test_imports.py"
    return max(exact)[1]


ETL = [name for name in MODULES if name != "etl"]


@pytest.mark.parametrize("module", ETL)
def test_imports_point_downward(module: str) -> None:
    for imported in sorted(imports(module)):
        if imported.startswith("etl."):
            assert layer(imported) <= layer(module), f"{module} imports {imported}"


@pytest.mark.parametrize("module", ETL)
def test_some_packages_know_less(module: str) -> None:
    for package, allowed in NARROW.items():
        if within(module, (package,)):
            for imported in imports(module):
                if imported.startswith("etl"):
                    assert within(imported, allowed), f"{module} imports {imported}"


@pytest.mark.parametrize("module", MODULES)
def test_libraries_stay_where_they_belong(module: str) -> None:
    for imported in imports(module):
        home = ONLY_IN.get(imported.split(".")[0])
        assert home is None or within(module, home), f"{module} imports {imported}"


@pytest.mark.parametrize("module", MODULES)
def test_slow_libraries_are_imported_where_they_are_needed(module: str) -> None:
    for imported in imports(module, deep=False):
        slow = imported.split(".")[0] in SLOW
        assert not slow or within(module, SLOW_ALLOWED), f"{module} imports {imported} at once"


@pytest.mark.parametrize("module", MODULES)
def test_only_the_command_line_prints(module: str) -> None:
    for node in ast.walk(tree(module)):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == "print"
        ):
            assert within(module, ("etl.cli",)), f"{module}:{node.lineno} prints"


# Those who open Parquet files: tables, the index of the trial's series, and files for others.
OPENS_PARQUET = (
    "etl.model.store", "etl.warehouse.sql_words", "etl.read.idc", "etl.adopt.idc", "etl.text",
    "etl.phantom",
)  # fmt: skip


@pytest.mark.parametrize("module", [name for name in ETL if not within(name, OPENS_PARQUET)])
def test_tables_are_opened_by_the_store_alone(module: str) -> None:
    assert "pyarrow.parquet" not in imports(module)
    texts = [n.value for n in ast.walk(tree(module)) if isinstance(n, ast.Constant)]
    calls = [text for text in texts if isinstance(text, str) and "read_parquet(" in text]
    # The sql of a view tells a table from a view.
    assert all("like '%read_parquet(%'" in text for text in calls), f"{module} opens a table file"


def test_no_cycle_at_import() -> None:
    edges = {m: {i for i in imports(m, deep=False) if i in MODULES and i != m} for m in ETL}
    done: set[str] = set()

    def visit(module: str, above: tuple[str, ...]) -> None:
        assert module not in above, f"cycle: {' -> '.join((*above, module))}"
        if module not in done:
            for imported in sorted(edges.get(module, ())):
                visit(imported, (*above, module))
            done.add(module)

    for module in ETL:
        visit(module, ())


@pytest.mark.parametrize("module", MODULES)
def test_every_library_is_declared(module: str) -> None:
    """What is imported is a dependency of its own, not one that another happens to bring."""
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = [lines for group, lines in project["optional-dependencies"].items() if group != "dev"]
    declared = {
        line.split(">")[0].split("<")[0].split("=")[0].lower()
        for lines in (project["dependencies"], *groups)
        for line in lines
    }
    distributions = {
        "cc3d": "connected-components-3d", "skimage": "scikit-image", "yaml": "pyyaml",
        "dvc_data": "dvc-data", "great_expectations": "great-expectations", "ruamel": "ruamel.yaml",
        "PIL": "pillow", "zrad": "z-rad", "upath": "universal-pathlib",
        "vl_convert": "vl-convert-python",
    }  # fmt: skip
    for imported in imports(module):
        top = imported.split(".")[0]
        if top != "etl" and top not in sys.stdlib_module_names:
            assert distributions.get(top, top).lower() in declared, f"{module} imports {top}"


def test_layers_name_modules_that_may_exist() -> None:
    named = [name for names in LAYERS for name in names]
    assert len(set(named)) == len(named)
    later = {
        "etl.ask.diff",
        "etl.ask.fsck",
        "etl.versions.hook",
        "etl.versions.push",
        "etl.versions.git",
        "etl.warehouse.snapshot",
        "etl.ask.why",
    }
    assert {name for name in named if name not in MODULES} <= later


def test_no_folder_of_tests_is_left_out(pytestconfig: pytest.Config) -> None:
    """By default pytest enters no folder named build, which left out tests/build once."""
    folders = {path.parent.name for path in (ROOT / "tests").rglob("test_*.py")}
    patterns = pytestconfig.getini("norecursedirs")
    assert not [name for name in folders if any(fnmatch(name, p) for p in patterns)]
