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
    meanings = _read_grains(root)
    table_nodes = [_describe_file(target, path, meanings) for path in tables]
    file_nodes = [_describe_file(target, path, meanings) for path in files]
    yield {
        "@id": FILE,
        "@type": "CreativeWork",
        "conformsTo": _refer(_CRATE, _WORKFLOW_CRATE),
        "about": {"@id": "./"},
    }
    yield _describe_root(root, profile, file_nodes)
    yield from ({"@id": i, "@type": "CreativeWork", "name": n} for i, n in _PROFILES.items())
    yield from _describe_citations(profile)
    yield {"@id": name_licence(profile.licence), "@type": "CreativeWork", "name": profile.licence}
    yield from _describe_software(root)
    yield from _describe_run(root, profile, values)
    yield from _describe_parameters(values)
    yield (
        _describe_workflow(root, values)
        | next(node for node in file_nodes if node["@id"] == WORKFLOW)
        | {"@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow"]}
    )
    yield from (node for node in file_nodes if node["@id"] != WORKFLOW)
    yield {
        "@id": _TABLES,
        "@type": "Dataset",
        "name": "Tables",
        "description": "The tables that the run made, as Apache Parquet",
        "exampleOfWork": {"@id": _OUTPUT},
        "hasPart": _refer(*(node["@id"] for node in table_nodes)),
    }
    yield from table_nodes


def _refer(*ids: str) -> list[Node] | Node:
    """Return references; of one, it alone, as RO-Crate wants it."""
    nodes = [{"@id": each} for each in ids]
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
    grain = grains.get(path.stem, "")
    return {
        "@id": inside,
        "@type": "File",
        "name": inside,
        **({"description": grain} if path.suffix == ".parquet" and grain else {}),
        "encodingFormat": name_format(inside),
        "contentSize": str(path.stat().st_size),
        "sha256": compute_sha256(path),
    }


def _describe_root(root: Path, profile: Profile, files: Iterable[Node]) -> Node:
    commit = find_commit(root)
    built = (root / LOCK).stat().st_mtime
    date = commit[1] if commit else datetime.fromtimestamp(built, UTC)
    return {
        "@id": "./",
        "@type": "Dataset",
        "name": f"Tables of {profile.dataset}",
        "description": f"{profile.title}. {profile.attribution}",
        "datePublished": date.date().isoformat(),
        "license": {"@id": name_licence(profile.licence)},
        "citation": _refer(*(f"#citation-{n}" for n in range(len(profile.citations)))),
        "conformsTo": _refer(*_PROFILES),
        "mainEntity": {"@id": WORKFLOW},
        "mentions": _refer(_RUN, "#organisation"),
        "hasPart": _refer(_TABLES, _name_release(root), *(node["@id"] for node in files)),
    }


def _name_release(root: Path) -> str:
    return f"urn:dvc:md5:{release_hash(root)}"


def _describe_citations(profile: Profile) -> Iterator[Node]:
    for number, text in enumerate(profile.citations):
        yield {"@id": f"#citation-{number}", "@type": "CreativeWork", "name": text}


def _describe_software(root: Path) -> Iterator[Node]:
    commit = find_commit(root)
    yield {
        "@id": DVC, "@type": "SoftwareApplication", "name": "DVC", "url": DVC,
        "softwareVersion": version("dvc"),
    }  # fmt: skip
    yield {"@id": LANGUAGE, "@type": "ComputerLanguage", "name": "dvc.yaml", "url": LANGUAGE}
    yield {
        "@id": _PROGRAM, "@type": "SoftwareApplication", "name": "ispy1",
        "softwareVersion": version(PACKAGE),
        **({"identifier": commit[0]} if commit else {}),
    }  # fmt: skip


def _describe_workflow(root: Path, values: Mapping[str, Any]) -> Node:
    commit = find_commit(root)
    return {
        "description": "The pipeline: release to index, tables, folds, gate, card and verdict",
        "programmingLanguage": {"@id": LANGUAGE},
        "version": commit[0] if commit else version(PACKAGE),
        "conformsTo": {"@id": "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"},
        "softwareRequirements": {"@id": _PROGRAM},
        "input": _refer(_INPUT, *(f"#parameter-{name}" for name in values)),
        "output": _refer(_OUTPUT),
    }


def _describe_run(root: Path, profile: Profile, values: Mapping[str, Any]) -> Iterator[Node]:
    release = _name_release(root)
    results = [_TABLES, *([GATE] if (root / GATE).is_file() else [])]
    yield {
        "@id": _RUN,
        "@type": "CreateAction",
        "name": "Run of the pipeline",
        "description": f"dvc repro on {profile.dataset}; dvc.lock has the hash of every part of it",
        "instrument": {"@id": WORKFLOW},
        "object": _refer(release, *(f"#value-{name}" for name in values)),
        "result": _refer(*results),
    }
    yield {
        "@id": "#organisation", "@type": "OrganizeAction", "name": "DVC ran the stages",
        "instrument": {"@id": DVC}, "result": {"@id": _RUN},
    }  # fmt: skip
    yield {
        "@id": release,
        "@type": "Dataset",
        "name": profile.dataset,
        "description": f"{profile.title}. The identifier is DVC's hash of the folder; "
        "parquet/blobs.parquet has path and MD5 of every file.",
        "identifier": profile.doi or release_hash(root),
        "license": {"@id": name_licence(profile.licence)},
        "exampleOfWork": {"@id": _INPUT},
    }
    yield _describe_formal(_INPUT, "release", "Dataset", release)
    yield _describe_formal(_OUTPUT, "tables", "Dataset", _TABLES)


def _describe_formal(identity: str, name: str, kind: str, example: str) -> Node:
    return {
        "@id": identity,
        "@type": "FormalParameter",
        "name": name,
        "additionalType": kind,
        "conformsTo": {"@id": "https://bioschemas.org/profiles/FormalParameter/1.0-RELEASE"},
        "workExample": {"@id": example},
    }


def _describe_parameters(values: Mapping[str, Any]) -> Iterator[Node]:
    kinds = {bool: "Boolean", int: "Integer", float: "Float", str: "Text"}
    for name, value in values.items():
        yield _describe_formal(f"#parameter-{name}", name, kinds[type(value)], f"#value-{name}")
        yield {
            "@id": f"#value-{name}", "@type": "PropertyValue", "name": name, "value": value,
            "exampleOfWork": {"@id": f"#parameter-{name}"},
        }  # fmt: skip
