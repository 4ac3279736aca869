"""The run crate: roc-validator takes it as a Workflow Run Crate, rocrate reads it."""

from __future__ import annotations

import atexit
import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from engines.conftest import need

from etl.exchange import export_for
from etl.exchange.target import Options
from etl.model.errors import UserError
from etl.model.project import params

RELEASE = "3ea0c16af0b9c7493d6d51ed740a6303.dir"
CONTEXT = "https://w3id.org/ro/crate/1.1/context"
# Where context 1.1 and 1.3, which rocrate brings along, differ for what a crate of ours names.
TERMS_OF_1_1 = {
    "ComputationalWorkflow": "https://bioschemas.org/ComputationalWorkflow",
    "FormalParameter": "https://bioschemas.org/FormalParameter",
    "input": "https://bioschemas.org/ComputationalWorkflow#input",
    "output": "https://bioschemas.org/ComputationalWorkflow#output",
}
# What is recommended and that nobody recorded: who ran it and when, the address of this code; a
# release without an address; a README. The last two ask it of the class itself.
NOT_SAID = {
    "process-run-crate-0.5_3.2": "The Application SHOULD have a url",
    "process-run-crate-0.5_8.4": "The Action SHOULD have an endTime",
    "process-run-crate-0.5_8.6": "The Action SHOULD have an agent",
    "ro-crate-1.1_22.2": "SHOULD have a link to a Contextual Entity representing the `author`",
    "ro-crate-1.1_22.3": "The `publisher` property",
    "ro-crate-1.1_28.1": "uses scheme 'urn'",
    "workflow-ro-crate-1.0_6.1": "The README.md",
    "workflow-ro-crate-1.0_6.2": "The README.md",
    "process-run-crate-0.5_5.1": "id SHOULD be an absolute URI",
    "ro-crate-1.1_26.1": "Every Data Entity Directory URI",
}
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:rdflib.*")


@pytest.fixture(scope="module")
def crate(released: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The crate of a project whose release DVC has hashed."""
    root = Path(shutil.copytree(released, tmp_path_factory.mktemp("rocrate") / "project"))
    params.cache_clear()
    lock = f"    - path: data/release\n      hash: md5\n      md5: {RELEASE}\n"
    (root / "dvc.lock").write_text(f"stages:\n  index:\n    deps:\n{lock}")
    target = root.parent / "crate"
    export_for("rocrate", root, target, Options())
    first = (target / "ro-crate-metadata.json").read_bytes()
    export_for("rocrate", root, target, Options(force=True))
    assert (target / "ro-crate-metadata.json").read_bytes() == first
    return target


@pytest.fixture(scope="module")
def graph(crate: Path) -> dict[str, dict[str, Any]]:
    content = json.loads((crate / "ro-crate-metadata.json").read_text())
    nodes = {node["@id"]: node for node in content["@graph"]}
    assert len(nodes) == len(content["@graph"])
    return nodes


def test_the_validator_takes_it(crate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Validate as Workflow Run Crate 0.5, which brings Process Run, Workflow and RO-Crate 1.1 in.

    The context has an address, and tests ask no network: rocrate's copy is given, as of 1.1.
    """
    rocrate, services = need("rocrate"), need("rocrate_validator.services")
    severity = need("rocrate_validator.models").Severity
    packaged = json.loads((Path(rocrate.__file__).parent / "data/ro-crate.jsonld").read_text())
    context = {"@context": packaged["@context"] | TERMS_OF_1_1}

    def get(_self: object, url: str, **_named: object) -> Any:  # noqa: ANN401  requests'
        assert url == CONTEXT
        response = need("requests").Response()
        response.status_code, response._content = 200, json.dumps(context).encode()
        response.headers["Content-Type"] = "application/ld+json"
        return response

    log = need("rocrate_validator.utils.log")
    atexit.unregister(log.__dict__["__print_logs_on_exit__"])  # behind what pytest says last
    requester = need("rocrate_validator.utils.http").HttpRequester
    monkeypatch.setattr(requester, "get", get, raising=False)
    settings = services.ValidationSettings(
        rocrate_uri=str(crate), profile_identifier="workflow-run-crate-0.5", offline=True,
        requirement_severity=severity.RECOMMENDED,
    )  # fmt: skip
    result = services.validate(settings)
    assert not [issue.message for issue in result.get_issues(severity.REQUIRED)]
    issues = {issue.check.identifier: issue.message for issue in result.get_issues()}
    assert not {name for name, text in issues.items() if NOT_SAID.get(name, "?") not in text}


def test_rocrate_reads_the_run(crate: Path) -> None:
    read = need("rocrate.rocrate").ROCrate(crate)
    assert read.mainEntity.id == "dvc.yaml"
    run = read.dereference("#run")
    assert run["instrument"] is read.mainEntity
    assert read.dereference(f"urn:dvc:md5:{RELEASE}") in run["object"]
    assert run["result"].id == "parquet/"


def test_every_file_is_there_with_its_hash(crate: Path, graph: dict[str, dict[str, Any]]) -> None:
    files = {i: node for i, node in graph.items() if "File" in node["@type"]}
    for path, node in files.items():
        assert hashlib.sha256((crate / path).read_bytes()).hexdigest() == node["sha256"]
    written = {path.relative_to(crate).as_posix() for path in crate.rglob("*") if path.is_file()}
    assert files.keys() == written - {"ro-crate-metadata.json"}
    assert graph["parquet/masks.parquet"]["description"] == "One row per tumour mask"


def test_it_names_parameters_licence_and_versions(graph: dict[str, dict[str, Any]]) -> None:
    value = graph["#value-kinetics.pe_min_percent"]
    assert value["value"] == 70
    assert graph[value["exampleOfWork"]["@id"]]["additionalType"] == "Integer"
    assert graph["https://dvc.org"]["softwareVersion"].startswith("3.")
    assert graph[graph["./"]["license"]["@id"]]["name"] == "CC0 1.0"
    references = [
        reference["@id"]
        for node in graph.values()
        for key, values in node.items()
        if key not in ("conformsTo", "@id")
        for reference in (values if isinstance(values, list) else [values])
        if isinstance(reference, dict)
    ]
    assert set(references) <= graph.keys()


def test_without_a_run_it_says_so(released: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="records no run"):
        export_for("rocrate", released, tmp_path / "out", Options())
