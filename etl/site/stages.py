"""The stages of dvc.yaml, and what is fresh: as far as tables and verdict tell, without DVC.

While DVC runs the stage `site` nobody else may ask it, and what comes before is fresh by then.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from etl.build.index import import_table, list_parts_tables, list_tables
from etl.build.manifest import read_manifest
from etl.build.plan import RECIPE, examine
from etl.gate.judged import find_newer_release
from etl.gate.report import find_stale
from etl.model import project
from etl.model.errors import UserError
from etl.model.profile import Profile

_VALUE = re.compile(r"\$\{([\w.]+)\}")
_FILES = ("data/dvc.yaml", "dvc.yaml")  # the first makes the synthetic release


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage: its command, and the paths that it depends on and makes."""

    command: str
    deps: Sequence[str]
    outs: Sequence[str]


@dataclass(frozen=True, slots=True)
class State:
    """Why something is stale, fresh without a reason; or that nobody knows.

    `recipe`: of a table, as its file says it.
    """

    reasons: Sequence[str] = ()
    is_known: bool = True
    recipe: str = ""

    @property
    def name(self) -> str:
        """One of fresh, stale, unknown."""
        return "stale" if self.reasons else "fresh" if self.is_known else "unknown"


def read_stages(root: Path) -> dict[str, Stage]:
    """Return the stages by name; that of the synthetic release where this is what is read.

    Raises:
        UserError: dvc.yaml or params.yaml cannot be read.
    """
    stages: dict[str, Stage] = {}
    release = project.release_name(root)
    for path in _FILES:
        stated = dict(_read_file(root, path)) if (root / path).is_file() else {}
        if path == _FILES[-1] or any(release in stage.outs for stage in stated.values()):
            stages |= stated
    return stages


def _read_file(root: Path, path: str) -> Iterator[tuple[str, Stage]]:
    folder = posixpath.dirname(path)
    for name, stated in (project.read_yaml(root / path).get("stages") or {}).items():
        deps, outs, metrics, plots = (
            [_resolve(root, folder, entry) for entry in stated.get(key) or ()]
            for key in ("deps", "outs", "metrics", "plots")
        )
        yield name, Stage(str(stated.get("cmd", "")), deps, [*outs, *metrics, *plots])


def _resolve(root: Path, folder: str, entry: Any) -> str:  # noqa: ANN401  as YAML has it
    """Return a path of dvc.yaml from the root of the project, values of params.yaml filled in."""
    text = next(iter(entry)) if isinstance(entry, dict) else str(entry)
    path = _VALUE.sub(lambda value: str(project.param(root, value[1])), text)
    return posixpath.normpath(posixpath.join(folder, path)) if "://" not in path else path


def find_needs(stages: Mapping[str, Stage]) -> dict[str, list[str]]:
    """Return stage -> the stages whose outputs it depends on."""
    return {
        name: [
            maker
            for maker, of in stages.items()
            if maker != name and any(_overlap(out, d) for out in of.outs for d in stage.deps)
        ]
        for name, stage in stages.items()
    }


def _overlap(left: str, right: str) -> bool:
    return f"{left}/".startswith(f"{right}/") or f"{right}/".startswith(f"{left}/")


def examine_tables(root: Path, profile: Profile) -> dict[str, State]:
    """Return table -> whether its file is what would be made now; unknown without an index."""
    manifest = read_manifest(root)
    try:
        examined = examine(root, profile, manifest, list_tables())
    except UserError:  # a clone that pulled the tables alone
        return dict.fromkeys((*list_tables(), *list_parts_tables()), State(is_known=False))
    states: dict[str, State] = {}
    for name, table in examined.items():
        moved = () if table.is_fresh(manifest.files) else ("a table that it needs changed",)
        above = [n for n in import_table(name).TABLE.needs if states[n].reasons]
        reasons = table.reasons or [f"{need} is stale" for need in above] or moved
        states[name] = State(reasons, recipe=str(table.footer.get(RECIPE, "")))
    return states | {parts: states[lister] for parts, lister in list_parts_tables().items()}


def examine_stages(
    root: Path, needs: Mapping[str, Sequence[str]], tables: Mapping[str, State]
) -> dict[str, State]:
    """Return stage -> whether it is fresh: by its tables or its verdict, and what it needs."""
    stale = [name for name, state in tables.items() if state.reasons]
    changes = {
        "index": find_newer_release(root),
        "tables": [f"{', '.join(stale)}: stale"] if stale else [],
        "gate": find_stale(root, blobs=False),
    }
    is_known = all(state.is_known for state in tables.values())
    states: dict[str, State] = {}
    for name in TopologicalSorter(needs).static_order():
        above = [need for need in needs[name] if states[need].reasons]
        reasons = [*changes.get(name, ()), *(f"{need} is stale" for need in above)]
        states[name] = State(reasons, is_known)
    return states
