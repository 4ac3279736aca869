"""What a shell offers after TAB: names of this project, read in a moment.

Whatever goes wrong offers nothing: a line that somebody is typing is no place for an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path

from etl.model import project

_SQL = ("sql/views", "sql/macros")
_COLUMN = re.compile(r"^--   (\w+):", re.MULTILINE)  # in the header of a view


def complete_relations(incomplete: str) -> list[str]:
    """Offer tables, views and macros."""
    return _offer(lambda root: [*_list_tables(root), *_list_stems(root, *_SQL)], incomplete)


def complete_tables(incomplete: str) -> list[str]:
    """Offer the tables that are built."""
    return _offer(lambda root: _list_stems(root, project.TABLES, ending=".parquet"), incomplete)


def complete_columns(incomplete: str) -> list[str]:
    """Offer TABLE., then TABLE.COLUMN."""
    relation, dot, column = incomplete.partition(".")
    if not dot:
        return [f"{name}." for name in complete_relations(incomplete)]
    return [f"{relation}.{n}" for n in _offer(lambda r: _list_columns(r, relation), column)]


def complete_reports(incomplete: str) -> list[str]:
    """Offer the reports."""
    from etl.warehouse.reports import REPORTS, list_titles

    return _offer(lambda root: list_titles(root) if (root / REPORTS).is_dir() else (), incomplete)


def complete_cases(incomplete: str) -> list[str]:
    """Offer the cases of the table `cases`."""
    return _offer(lambda root: _list_values(root, "cases", "case_id"), incomplete)


def complete_mask_sets(incomplete: str) -> list[str]:
    """Offer the mask sets of the table `masks`."""
    return _offer(lambda root: _list_values(root, "masks", "mask"), incomplete)


def complete_keys(incomplete: str) -> list[str]:
    """Offer cases and mask sets."""
    return [*complete_cases(incomplete), *complete_mask_sets(incomplete)]


def complete_profiles(incomplete: str) -> list[str]:
    """Offer the profiles, but the base of all."""
    folder = "expectations/profiles"
    names = _offer(lambda root: _list_stems(root, folder, ending=".yaml"), incomplete)
    return [name for name in names if name != "base"]


def complete_tags(incomplete: str) -> list[str]:
    """Offer the tags."""
    from etl.versions.run_git import list_tag_names

    return _offer(list_tag_names, incomplete)


def complete_versions(incomplete: str) -> list[str]:
    """Offer the tags behind NAME=."""
    name, sign, tag = incomplete.partition("=")
    return [f"{name}={rev}" for rev in complete_tags(tag)] if sign else []


def _offer(list_names: Callable[[Path], Iterable[str]], incomplete: str) -> list[str]:
    try:
        names = set(list_names(project.find_root()))
    except Exception:  # noqa: BLE001  see above
        return []
    return sorted(name for name in names if name.startswith(incomplete))


def _list_stems(root: Path, *folders: str, ending: str = ".sql") -> list[str]:
    return [path.stem for folder in folders for path in (root / folder).glob(f"*{ending}")]


def _list_tables(root: Path) -> list[str]:
    return [
        *_list_stems(root, project.TABLES, project.GATE, ending=".parquet"),
        *(path.name for path in (root / project.TABLES).iterdir() if path.is_dir()),
    ]


def _list_columns(root: Path, relation: str) -> list[str]:
    """Return the columns of a view from its header, of a table from its footer."""
    for folder in _SQL:
        view = root / folder / f"{relation}.sql"
        if view.is_file():
            return _COLUMN.findall(view.read_text(encoding="utf-8"))
    from etl.model.store import list_columns

    return list_columns(_find_table(root, relation))


def _list_values(root: Path, table: str, column: str) -> list[str]:
    """Return the values of one column, which is all that is read."""
    from etl.model.store import read_column

    return read_column(_find_table(root, table), column)


def _find_table(root: Path, name: str) -> Path:
    folders = (root / folder for folder in (project.TABLES, project.GATE))
    return next(p for folder in folders if (p := folder / f"{name}.parquet").is_file())
