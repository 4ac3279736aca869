"""What `ispy1 repro` would run, and why: dvc.lock against what lies here, without DVC."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatch
from hashlib import md5
from pathlib import Path
from typing import Any

import yaml

from etl import project, versions
from etl.errors import UserError
from etl.index import index_path, read_index, table_names, table_recipe
from etl.judged import some
from etl.profile import Profile
from etl.recipe import Recipe

_VALUE = re.compile(r"\$\{([\w.]+)\}")


def stages(root: Path, name: str) -> dict[str, Any]:
    """The stages of a lock file; none where there is none.

    Raises:
        UserError: it is no lock file.
    """
    path = root / name
    if not path.is_file():
        return {}
    try:
        stages: dict[str, Any] = yaml.load(path.read_bytes(), yaml.CSafeLoader)["stages"]
        return {key: stage for key, stage in stages.items() if stage["cmd"]}
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        said = " ".join(str(error).split())
        message = f"{path}: no lock file of DVC ({said}). Restore it: git checkout -- {name}."
        raise UserError(message) from error


def stale_stages(
    root: Path, profile: Profile, locks: Mapping[str, Mapping[str, Any]], changed: list[str]
) -> Iterator[tuple[str, str]]:
    """Each stage that `ispy1 repro` would run, and why."""
    hashes = Hashes(root)
    release = project.release_path(root).relative_to(root).as_posix()
    for folder, name, stage in _declared(root, release):
        locked = locks[folder].get(name)
        reasons = _reasons(hashes, folder, locked, release) if locked else ["never run"]
        reasons += _added(root, stage, locked) if locked else []
        if name == "index" and changed:
            reasons.append(f"{release} ({len(changed)} files)")
        if name == "index":
            reasons += _recipes(root, profile)
        if reasons:
            yield f"{folder}/dvc.yaml:{name}" if folder else name, some(reasons)


def _declared(root: Path, release: str) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Folder, name and text of each stage that builds; those of a foreach one by one."""
    phantom = root / "data" / "dvc.yaml"
    if phantom.is_file():
        for name, stage in (project.read_yaml(phantom).get("stages") or {}).items():
            if release in {f"data/{out}" for out in stage.get("outs") or ()}:
                yield "data", name, {}
    for name, stage in (project.read_yaml(root / "dvc.yaml").get("stages") or {}).items():
        if isinstance(stage, dict) and "foreach" in stage:
            yield from (("", f"{name}@{key}", {}) for key in stage["foreach"])
        else:
            yield "", name, stage


def _reasons(hashes: Hashes, folder: str, locked: Mapping[str, Any], release: str) -> list[str]:
    """What differs from the lock entry of a stage: dependencies, parameters, outputs."""
    reasons = []
    for entry in (*(locked.get("deps") or ()), *(locked.get("outs") or ())):
        path = posixpath.normpath(posixpath.join(folder, entry["path"]))
        if path != release and (now := hashes.of(path)) != entry.get("md5"):
            reasons.append(f"{path} {'is missing' if now is None else 'changed'}")
    for file, values in (locked.get("params") or {}).items():
        today = hashes.values(posixpath.normpath(posixpath.join(folder, file)))
        odd = [key for key, value in values.items() if not _is_same(_value(today, key), value)]
        reasons += [f"{file}: {', '.join(odd)}"] if odd else []
    return reasons


def _added(root: Path, stage: Mapping[str, Any], locked: Mapping[str, Any]) -> list[str]:
    """Dependencies that dvc.yaml names and the lock entry lacks."""
    had = {entry["path"] for entry in locked.get("deps") or ()} | (
        locked.get("params") or {}
    ).keys()
    files = [
        file for entry in stage.get("params") or () if isinstance(entry, dict) for file in entry
    ]
    names = [_VALUE.sub(lambda m: str(project.param(root, m[1])), dep)
             for dep in (*(stage.get("deps") or ()), *files)]  # fmt: skip
    return [f"{name} is new" for name in names if name not in had]


def _value(values: Mapping[str, Any], dotted: str) -> Any:  # noqa: ANN401  a YAML value
    value: Any = values
    for part in dotted.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _is_same(one: Any, other: Any) -> bool:  # noqa: ANN401  YAML values
    """Equal, but for numbers that one dialect of YAML reads as text (1e-05)."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_is_same(one[k], other[k]) for k in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_is_same, one, other))
    if isinstance(one, str) != isinstance(other, str):
        try:
            return float(one) == float(other)
        except (TypeError, ValueError):
            return False
    return bool(one == other)


def _recipes(root: Path, profile: Profile) -> list[str]:
    """Tables whose code, libraries or naming are not those of their index."""
    odd = []
    for name in table_names():
        if index_path(root, name).is_file():
            today = table_recipe(root, name, profile)
            odd += [name] if _recipe_in_index(root, name, profile) != today else []
    return [f"code of {some(odd)}"] if odd else []


def _recipe_in_index(root: Path, name: str, profile: Profile) -> Recipe | None:
    try:
        return read_index(root, name, profile).recipe
    except UserError:  # a damaged index: it has to be made again
        return None


class Hashes:
    """The hashes of files and folders as DVC makes them, each read once."""

    def __init__(self, root: Path) -> None:
        """Of the project at `root`; what .dvcignore names does not count."""
        self._root = root
        self._known: dict[str, str | None] = {}
        ignore = root / ".dvcignore"
        lines = ignore.read_text(encoding="utf-8").splitlines() if ignore.is_file() else []
        self._ignored = [line.strip() for line in lines if line.strip() and line[0] != "#"]

    def of(self, path: str) -> str | None:
        """The MD5 of a file, or of a folder's list with `.dir` behind it; None: not there."""
        if path not in self._known:
            self._known[path] = self._hash(self._root / path)
        return self._known[path]

    def _hash(self, path: Path) -> str | None:
        if path.is_file():
            return md5(path.read_bytes(), usedforsecurity=False).hexdigest()
        if not path.is_dir():
            return None
        files = {file.relative_to(path).as_posix(): file for file in path.rglob("*")}
        listed = [
            {"md5": self.of(file.relative_to(self._root).as_posix()), "relpath": name}
            for name, file in sorted(files.items())
            if file.is_file() and not self._is_ignored(name)
        ]
        text = json.dumps(listed, sort_keys=True)
        return f"{md5(text.encode(), usedforsecurity=False).hexdigest()}{versions.FOLDER}"

    def _is_ignored(self, path: str) -> bool:
        return any(fnmatch(part, rule) for part in path.split("/") for rule in self._ignored)

    def values(self, path: str) -> dict[str, Any]:
        """What a parameter file holds; nothing where it cannot be read."""
        try:
            return project.read_yaml(self._root / path)
        except UserError:
            return {}
