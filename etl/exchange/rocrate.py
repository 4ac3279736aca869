"""A Workflow Run RO-Crate: the run of the pipeline that made the tables, which lie beside it.

Forms: w3id.org/ro/crate/1.1, w3id.org/ro/wfrun/workflow/0.5. Whoever ran it, and when it ended, is
kept nowhere, so that the crate does not say it.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import etl
from etl.exchange.facts import PACKAGE, find_commit, name_format, name_licence
from etl.exchange.target import Exported, Options, write_json
from etl.model.digests import compute_sha256
from etl.model.errors import UserError
from etl.model.profile import Profile, load_profile
from etl.model.project import PARAMS, params
from etl.model.store import write_atomically
from etl.versions.dvc import release_hash
from etl.warehouse import dictionary
from etl.warehouse.dialects.parts import PARQUET
from etl.warehouse.export import copy_tables, open_target

FILE = "ro-crate-metadata.json"
WORKFLOW, LOCK, GATE = "dvc.yaml", "dvc.lock", "reports/gate.json"
DVC = "https://dvc.org"
LANGUAGE = "https://dvc.org/doc/user-guide/project-structure/dvcyaml-files"
_CRATE = "https://w3id.org/ro/crate/1.1"
_BIOSCHEMAS = "https://bioschemas.org/profiles"
_WORKFLOW_CRATE = "https://w3id.org/workflowhub/workflow-ro-crate/1.0"
_PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": "Process Run Crate 0.5",
    "https://w3id.org/ro/wfrun/workflow/0.5": "Workflow Run Crate 0.5",
    _WORKFLOW_CRATE: "Workflow RO-Crate 1.0",
}
_CONTEXT = [f"{_CRATE}/context", {"sha256": "https://w3id.org/ro/terms/workflow-run#sha256"}]
_TABLES = f"{PARQUET}/"
_RUN, _PROGRAM, _INPUT, _OUTPUT = "#run", "#ispy1", "#input", "#output"
Node = dict[str, Any]


def export(root: Path, target: Path, options: Options) -> Exported:
    """Write tables, pipeline, parameters and verdict, and the metadata, which come last.

    Raises:
        UserError: see export_for(); also where no build by DVC is recorded.
    """
    if not (root / LOCK).is_file() or release_hash(root) is None:
        message = f"{root / LOCK}: records no run. Run `ispy1 repro` first."
        raise UserError(message)
    with open_target(root, target, force=options.force) as snapshot:
        (target / FILE).unlink(missing_ok=True)
        tables = list(copy_tables(snapshot, target / PARQUET, options.progress))
        files = [_copy(root, target, name) for name in (WORKFLOW, LOCK, PARAMS, GATE)
                 if (root / name).is_file()]  # fmt: skip
        graph = list(_make_graph(root, target, tables, files))
        written = write_json(target / FILE, {"@context": _CONTEXT, "@graph": graph})
    return Exported([written], [f"{len(tables)} Parquet files and {len(files)} others beside it."])


def _copy(root: Path, target: Path, name: str) -> Path:
    write_atomically(target / name, lambda path: shutil.copyfile(root / name, path))
    return target / name


def _make_graph(
    root: Path, target: Path, tables: Iterable[Path], files: Iterable[Path]
) -> Iterator[Node]:
    profile, values = load_profile(root), dict(_flatten(params(root)))
    grains = _read_grains(root)
    table_nodes = [_describe_file(target, path, grains) for path in tables]
    file_nodes = {path.name: _describe_file(target, path, grains) for path in files}
    yield {
        "@id": FILE,
        "@type": "CreativeWork",
        "conformsTo": _refer(_CRATE, _WORKFLOW_CRATE),
        "about": {"@id": "./"},
    }
    yield _describe_root(root, profile, file_nodes.values())
    works = _PROFILES | _name_citations(profile) | {name_licence(profile.licence): profile.licence}
    yield from (_make_node(identity, "CreativeWork", name) for identity, name in works.items())
    yield from _describe_software(root)
    yield from _describe_run(root, profile, values)
    yield from _describe_parameters(values)
    yield (
        _describe_workflow(root, values)
        | file_nodes.pop(WORKFLOW)
        | {"@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow"]}
    )
    yield from file_nodes.values()
    yield _make_node(
        _TABLES, "Dataset", "Tables",
        description="The tables that the run made, as Apache Parquet",
        exampleOfWork={"@id": _OUTPUT},
        hasPart=_refer(*(node["@id"] for node in table_nodes)),
    )  # fmt: skip
    yield from table_nodes


def _make_node(identity: str, kind: str, name: str, **others: Any) -> Node:  # noqa: ANN401  JSON
    return {"@id": identity, "@type": kind, "name": name, **others}


def _refer(*ids: str) -> list[Node] | Node:
    """Return references; of one, it alone, as RO-Crate wants it."""
    nodes = [{"@id": identity} for identity in ids]
    return nodes if len(nodes) != 1 else nodes[0]


def _flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield dotted names and values; a list is text, as JSON."""
    for name, value in values.items():
        if isinstance(value, dict) and value:
            yield from _flatten(value, f"{prefix}{name}.")
        else:
            is_scalar = isinstance(value, (str, int, float))
            yield f"{prefix}{name}", value if is_scalar else json.dumps(value)


def _read_grains(root: Path) -> dict[str, str]:
    with etl.connect(root) as connection:
        return {r.name: r.grain for r in dictionary.list_relations(connection)}


def _describe_file(target: Path, path: Path, grains: Mapping[str, str]) -> Node:
    inside = path.relative_to(target).as_posix()
    grain = grains.get(path.stem, "") if path.suffix == ".parquet" else ""
    return _make_node(
        inside, "File", inside,
        **({"description": grain} if grain else {}),
        encodingFormat=name_format(inside),
        contentSize=str(path.stat().st_size),
        sha256=compute_sha256(path),
    )  # fmt: skip


def _describe_root(root: Path, profile: Profile, files: Iterable[Node]) -> Node:
    commit = find_commit(root)
    built = (root / LOCK).stat().st_mtime
    date = commit[1] if commit else datetime.fromtimestamp(built, UTC)
    return _make_node(
        "./", "Dataset", f"Tables of {profile.dataset}",
        description=f"{profile.title}. {profile.attribution}",
        datePublished=date.date().isoformat(),
        license={"@id": name_licence(profile.licence)},
        citation=_refer(*_name_citations(profile)),
        conformsTo=_refer(*_PROFILES),
        mainEntity={"@id": WORKFLOW},
        mentions=_refer(_RUN, "#organisation"),
        hasPart=_refer(_TABLES, _name_release(root), *(node["@id"] for node in files)),
    )  # fmt: skip


def _name_release(root: Path) -> str:
    return f"urn:dvc:md5:{release_hash(root)}"


def _name_citations(profile: Profile) -> dict[str, str]:
    return {f"#citation-{number}": text for number, text in enumerate(profile.citations)}


def _describe_software(root: Path) -> Iterator[Node]:
    commit = find_commit(root)
    kind = "SoftwareApplication"
    yield _make_node(DVC, kind, "DVC", url=DVC, softwareVersion=version("dvc"))
    yield _make_node(LANGUAGE, "ComputerLanguage", "dvc.yaml", url=LANGUAGE)
    identifier = {"identifier": commit[0]} if commit else {}
    yield _make_node(_PROGRAM, kind, "ispy1", softwareVersion=version(PACKAGE), **identifier)


def _describe_workflow(root: Path, values: Mapping[str, Any]) -> Node:
    commit = find_commit(root)
    return {
        "description": "The pipeline: release to index, tables, folds, gate, card and verdict",
        "programmingLanguage": {"@id": LANGUAGE},
        "version": commit[0] if commit else version(PACKAGE),
        "conformsTo": {"@id": f"{_BIOSCHEMAS}/ComputationalWorkflow/1.0-RELEASE"},
        "softwareRequirements": {"@id": _PROGRAM},
        "input": _refer(_INPUT, *(f"#parameter-{name}" for name in values)),
        "output": _refer(_OUTPUT),
    }


def _describe_run(root: Path, profile: Profile, values: Mapping[str, Any]) -> Iterator[Node]:
    release = _name_release(root)
    results = [_TABLES, *([GATE] if (root / GATE).is_file() else [])]
    yield _make_node(
        _RUN, "CreateAction", "Run of the pipeline",
        description=f"dvc repro on {profile.dataset}; dvc.lock has the hash of every part of it",
        instrument={"@id": WORKFLOW},
        object=_refer(release, *(f"#value-{name}" for name in values)),
        result=_refer(*results),
    )  # fmt: skip
    yield _make_node(
        "#organisation", "OrganizeAction", "DVC ran the stages",
        instrument={"@id": DVC}, result={"@id": _RUN},
    )  # fmt: skip
    yield _make_node(
        release, "Dataset", profile.dataset,
        description=f"{profile.title}. The identifier is DVC's hash of the folder; "
        "parquet/blobs.parquet has path and MD5 of every file.",
        identifier=profile.doi or release_hash(root),
        license={"@id": name_licence(profile.licence)},
        exampleOfWork={"@id": _INPUT},
    )  # fmt: skip
    yield _describe_formal(_INPUT, "release", "Dataset", release)
    yield _describe_formal(_OUTPUT, "tables", "Dataset", _TABLES)


def _describe_formal(identity: str, name: str, kind: str, example: str) -> Node:
    return _make_node(
        identity, "FormalParameter", name,
        additionalType=kind,
        conformsTo={"@id": f"{_BIOSCHEMAS}/FormalParameter/1.0-RELEASE"},
        workExample={"@id": example},
    )  # fmt: skip


def _describe_parameters(values: Mapping[str, Any]) -> Iterator[Node]:
    kinds = {bool: "Boolean", int: "Integer", float: "Float", str: "Text"}
    for name, value in values.items():
        identity, example = f"#parameter-{name}", f"#value-{name}"
        yield _describe_formal(identity, name, kinds[type(value)], example)
        of_parameter = {"@id": identity}
        yield _make_node(example, "PropertyValue", name, value=value, exampleOfWork=of_parameter)
