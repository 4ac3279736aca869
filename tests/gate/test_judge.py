"""The gate: every contract can fail, and fails alone, with its case and its severity."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from inspect import unwrap
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest
from rich.console import Console
from support import ROOT
from typer.testing import CliRunner

from etl.build.index import import_table, list_tables
from etl.cli import app
from etl.gate import engine, frames, judge, report, text
from etl.gate.report import GateReport
from etl.gate.suites import read_suites
from etl.model import project
from etl.model.errors import UserError
from etl.model.git_tables import SCHEMAS
from etl.model.profile import Profile, Threshold, load_profile
from etl.model.schema import TableSchema
from etl.model.store import read_table, table_path
from etl.tables import findings
from gate.bench import BREAKS, A, Bench, Break

PROFILES = ("phantom", "ispy1_tcia")
N_CONTRACTS = sum(len(found) for found in read_suites(ROOT).values())
KEYS = "expect_column_values_to_be_between: {column: n_repeated, max_value: 0}"
STAGE = re.compile(r"`dvc repro(?: --\S+)* (\w+)`")
GENERAL = ("expect_table_row_count_to_be_between", "expect_column_values_to_not_be_null")
# The contracts on whose numbers the phantom's profile states nothing.
WAIVED = [
    *(
        ("acquisitions", f"The slice holds {{acquisitions_{what}}} {what}")
        for what in ("subjects", "studies", "series")
    ),
    ("slices", "The z-scored images have {slice_total} slices"),
]


def rules_with(bench: Bench, **known: str) -> judge.Rules:
    """The rules, with known issues given as `case__field=note`."""
    issues = {(key.split("__")[0], key.split("__")[1]): note for key, note in known.items()}
    return dataclasses.replace(bench.rules, known=issues)


# --- every contract can fail ---------------------------------------------------------------


def test_the_tables_of_the_baseline_keep_every_contract(bench: Bench) -> None:
    report = GateReport(tuple(c for contracts in bench.green.values() for c in contracts))
    assert report.failing == ()
    assert report.is_green
    waived = [c for c in report.contracts if not c.n_checked]
    assert [c.suite for c in waived] == [suite for suite, _ in WAIVED]
    assert all((c.observed or "").startswith("waived: ") for c in waived)


@pytest.mark.parametrize("broken", BREAKS, ids=lambda b: f"{b.suite}: {b.words}")
def test_a_break_fails_its_contract_alone(bench: Bench, broken: Break) -> None:
    # What SQL measures again from the voxels fails there, too.
    report = bench.judge_broken(broken.sql, but={"voxels"} - {broken.suite})
    failing = [(c.suite, c.severity, c.failing_cases) for c in report.failing]
    assert failing == [(broken.suite, broken.severity, (broken.case,))]
    assert report.failing[0].expectation.startswith(broken.words)
    assert report.failing[0].n_failed == 1
    assert report.is_green == (broken.severity != "critical")


def test_every_contract_has_a_break(bench: Bench) -> None:
    def is_broken(suite: str, words: str) -> bool:
        return any(b.suite == suite and words.startswith(b.words) for b in BREAKS)

    texts = {c.expectation_id: c.expectation for found in bench.green.values() for c in found}
    missing = [
        (suite, expectation["notes"])
        for suite, expectations in bench.suites.items()
        for expectation in expectations
        if expectation["type"] not in GENERAL and not is_broken(suite, texts[expectation["id"]])
    ]
    assert missing == WAIVED


def test_the_slice_total_is_judged_where_the_profile_states_one(bench: Bench) -> None:
    parameters = {**bench.rules.parameters, "slice_total": 720.0}
    rules = dataclasses.replace(bench.rules, parameters=parameters, waivers={})
    assert bench.suite("slices", bench.frames["slices"], rules)[-1].success
    rules.parameters["slice_total"] = 67080.0
    contract = bench.suite("slices", bench.frames["slices"], rules)[-1]
    assert (contract.success, contract.severity) == (False, "info")
    assert contract.expectation == "The z-scored images have 67080 slices"
    assert "720" in (contract.observed or "")


def test_the_slice_is_counted_where_the_profile_states_numbers(bench: Bench) -> None:
    stated = {"subjects": 2, "studies": 4, "series": 8}
    for what, right in stated.items():
        for number in (right, right + 1):
            name = f"acquisitions_{what}"
            threshold = Threshold(value=float(number), severity="warning", source="s")
            profile = bench.profile.model_copy(
                update={"thresholds": {**bench.profile.thresholds, name: threshold}}
            )
            rules = judge.make_rules(bench.root, profile, bench.reference)
            with bench.connection.cursor() as connection:
                frames.hand_over(connection, profile, bench.reference)
                frame = frames.read_frame(connection, bench.root, "acquisitions", profile)
            failing = [c for c in bench.suite("acquisitions", frame, rules) if not c.success]
            wanted = [] if number == right else [(f"The slice holds {number} {what}", (what,))]
            assert [(c.expectation, c.failing_cases) for c in failing] == wanted
            assert all(f"1 of 1: {right}" in (c.observed or "") for c in failing)


@pytest.mark.parametrize(
    "file", ["delete from blobs where artefact = 'acquisitions'; ", ""], ids=["absent", "empty"]
)
def test_a_release_without_a_slice_is_no_reason_for_red(bench: Bench, file: str) -> None:
    report = bench.judge_broken(f"{file}truncate acquisitions")
    assert report.is_green
    missing = ("The release has its slice of the Imaging Data Commons", "warning")
    assert [(c.expectation, c.severity) for c in report.failing] == [missing]
    assert all("ispy1 idc" in c.fix for c in report.failing)
    assert all(c.n_checked for c in report.contracts if c.suite not in dict(WAIVED))


@pytest.mark.parametrize(
    ("sql", "suite"),
    [
        ("truncate images", "images"),
        ("truncate masks", "masks"),
        ("truncate features", "features"),
        ("truncate clinical; truncate outcomes", "clinical"),
    ],
)
def test_a_table_without_rows_is_red(bench: Bench, sql: str, suite: str) -> None:
    report = bench.judge_broken(sql)
    assert not report.is_green
    empty = [c for c in report.failing if c.suite == suite]
    assert len(empty) == len(bench.suites[suite])
    assert all(c.severity == "critical" and c.n_checked == 0 for c in empty)


def test_a_set_of_ones_own_carries_no_contract(bench: Bench) -> None:
    report = bench.judge_broken(
        "insert into blobs select * replace (replace(path, 'ftv', 'own') as path, 'own' as mask)"
        " from blobs where mask = 'ftv'; insert into masks select * replace ('own' as mask, "
        "replace(path, 'ftv', 'own') as path, 0 as voxel_count, [7] as stored_values, "
        "false as matches_image_grid, 9.0 as spacing_x_mm) from masks where mask = 'ftv'"
    )
    assert report.failing == ()


def test_half_a_millimetre_is_rounded_up_in_spite_of_float32(bench: Bench) -> None:
    # 2.4999998 x 55 = 137.49999 is the 137.5 of the scanner: 138 slices, not 137.
    native = "update images set size_z = 55, spacing_z_mm = 2.4999998 where image_set = 'n3'"
    fine = "update images set size_z = 138 where image_set = 'zscored'"
    assert bench.judge_broken(f"{native}; {fine}").failing == ()
    report = bench.judge_broken(f"{native}; {fine.replace('138', '137')}")
    assert [c.failing_cases for c in report.failing] == [
        ("ISPY1_9001: axis 2", "ISPY1_9002: axis 2")
    ]


# --- known issues --------------------------------------------------------------------------


def test_a_known_failure_is_info(bench: Bench) -> None:
    frame = bench.frames["clinical"].assign(race=["Martian", "Asian", "Asian"])
    for field in ("race", "race_id"):
        rules = rules_with(bench, **{f"{A}__{field}": "as published"})
        failing = [c for c in bench.suite("clinical", frame, rules) if not c.success]
        assert [(c.severity, c.failing_cases) for c in failing] == [("info", (A,))]
        assert failing[0].expectation.endswith("(known: as published)")


def test_what_is_not_known_still_fails(bench: Bench) -> None:
    frame = bench.frames["clinical"].assign(race=["Martian", "Venusian", "Asian"])
    rules = rules_with(bench, **{f"{A}__race_id": "as published"})
    failing = [c for c in bench.suite("clinical", frame, rules) if not c.success]
    assert [(c.severity, c.failing_cases) for c in failing] == [("critical", ("ISPY1_9002",))]
    assert failing[0].n_failed == 1


def test_an_undocumented_code_is_known_field_by_field(bench: Bench) -> None:
    frame = bench.frames["clinical"]
    frame = frame.assign(undocumented_codes="none", known_fields=pd.Series([None] * 3, dtype="str"))
    frame.loc[0, ["undocumented_codes", "known_fields"]] = ["race_id 0, ERpos 7", "race_id,ERpos"]
    half = rules_with(bench, **{f"{A}__race_id": "zero"})
    both = rules_with(bench, **{f"{A}__race_id": "zero", f"{A}__ERpos": "seven"})
    severities = [
        [c.severity for c in bench.suite("clinical", frame, rules) if not c.success]
        for rules in (half, both)
    ]
    assert severities == [["critical"], ["info"]]


# --- a check that did not run --------------------------------------------------------------


def test_an_expectation_that_did_not_run_is_red(bench: Bench) -> None:
    keys, frame, rules = bench.suites["keys"], bench.frames["keys"], bench.rules
    results = engine.validate(bench.root, "keys", keys, frame, rules.parameters)
    gone = keys[-1]["id"]
    del results[gone]
    contracts = judge.judge_suite("keys", keys, results, frame, rules)
    failing = [c for c in contracts if not c.success]
    assert [(c.expectation_id, c.severity, c.observed) for c in failing] == [
        (gone, "critical", "did not run")
    ]


def test_an_expectation_that_raises_is_red(bench: Bench) -> None:
    frame = bench.frames["slices"].rename(columns={"slice_total": "total"})
    rules = dataclasses.replace(bench.rules, waivers={})
    failing = [c for c in bench.suite("slices", frame, rules) if not c.success]
    assert {c.severity for c in failing} == {"critical"}
    assert {c.column for c in failing} == {"slice_total"}
    assert all("does not exist" in (c.observed or "") for c in failing)


@pytest.mark.parametrize(
    "expectation",
    ["expect_the_unexpected: {column: n_repeated}", KEYS.replace("column:", "colum:")],
)
def test_an_expectation_that_cannot_be_made_is_red_alone(
    bench: Bench, project: Path, expectation: str
) -> None:
    path = project / "expectations/contracts/keys.yaml"
    path.write_text(path.read_text().replace(KEYS, expectation))
    suites, frame = read_suites(project), bench.frames["keys"]
    results = engine.validate(project, "keys", suites["keys"], frame, bench.rules.parameters)
    contracts = judge.judge_suite("keys", suites["keys"], results, frame, bench.rules)
    (broken,) = [contract for contract in contracts if not contract.success]
    assert (broken.suite, broken.severity, broken.n_checked) == ("keys", "critical", 0)
    assert "Error: " in (broken.observed or "")


@pytest.mark.parametrize(
    "result",
    [
        None,
        {"success": True, "result": {"element_count": 0, "unexpected_count": 0}},
        {
            "success": True,
            "result": {"element_count": 3, "missing_count": 3, "unexpected_count": 0},
        },
        {"success": True, "result": {}, "exception_info": {"raised_exception": True}},
        {"success": True, "result": {}, "exception_info": {"m": {"raised_exception": True}}},
        {"success": None, "result": {"observed_value": 3}},
        {"success": True, "result": {}},
    ],
)
def test_only_a_clear_answer_passes(result: dict[str, Any] | None) -> None:
    assert not engine.read_result(result, 3).success
    assert not engine.read_result({"success": True, "result": {"observed_value": 0}}, 0).success


# --- suites and profiles -------------------------------------------------------------------


@pytest.mark.parametrize("name", PROFILES)
def test_every_parameter_is_stated_and_every_threshold_used(name: str) -> None:
    profile = load_profile(ROOT, name)
    suites = read_suites(ROOT)
    used = {p for found in suites.values() for e in found for p in judge.list_parameters_of(e)}
    in_frames = "".join(path.read_text() for path in (ROOT / frames.FRAMES).glob("*.sql"))
    stated = set(judge.make_rules(ROOT, profile).parameters)
    assert used <= stated
    assert [p for p in stated - used if p not in in_frames] == []
    assert all(threshold.source for threshold in profile.thresholds.values())


def test_ids_are_fixed_unique_and_every_suite_has_a_frame() -> None:
    suites = read_suites(ROOT)
    ids = [e["id"] for found in suites.values() for e in found]
    assert len(set(ids)) == len(ids)
    assert {path.stem for path in (ROOT / frames.FRAMES).glob("*.sql")} == set(suites)
    for found in suites.values():
        assert [e["type"] for e in found[:2]] == list(GENERAL)
        assert all(e["meta"]["fix"] and e["severity"] for e in found)
        # `dvc repro --force table` named no stage, and was copied from suite to suite.
        stages = {name for e in found for name in STAGE.findall(e["meta"]["fix"])}
        assert stages <= set(project.read_yaml(ROOT / "dvc.yaml")["stages"])
        # Only a contract of single rows can name cases.
        assert all(e["type"].startswith("expect_column_values_to_") for e in found[1:])


def test_the_keys_and_references_of_all_declarations_are_judged(bench: Bench) -> None:
    declared = [findings.TABLE, *(import_table(name).TABLE for name in list_tables())]
    assert set(bench.frames["keys"]["item"]) == {table.name for table in declared}
    query = "select distinct origin, points_to from pointers"
    judged = set(bench.connection.execute(query).fetchall())
    assert (
        judged
        == {  # these tables hold no finding
            (table.name, target) for table in declared[1:] for target in table.references.values()
        }
    )


def test_a_reference_names_the_key_of_another_table() -> None:
    schemas: dict[str, TableSchema] = {**SCHEMAS}
    schemas |= {name: import_table(name).TABLE for name in list_tables()}
    for name in list_tables():
        for column, target in import_table(name).TABLE.references.items():
            assert schemas[target].key == (column,)
            assert column in schemas[name].names


def test_a_threshold_that_the_profile_does_not_state_is_an_error(bench: Bench) -> None:
    thresholds = {k: v for k, v in bench.profile.thresholds.items() if k != "age_years_min"}
    profile: Profile = bench.profile.model_copy(update={"thresholds": thresholds})
    with pytest.raises(UserError, match=r"clinical\.yaml: age_years_min is no threshold"):
        judge.judge(bench.connection, bench.root, profile)


# --- the frames ----------------------------------------------------------------------------


def test_a_frame_holds_what_great_expectations_judges_well(bench: Bench) -> None:
    for name, frame in bench.frames.items():
        kinds = {str(dtype) for dtype in frame.dtypes}
        assert kinds <= {"str", "float64", "bool"}, name


def test_a_nan_is_no_null(bench: Bench, tmp_path: Path) -> None:
    folder = tmp_path / frames.FRAMES
    folder.mkdir(parents=True)
    (folder / "x.sql").write_text("select unnest([1.0, 'nan'::double, null]) as number")
    (folder / "y.sql").write_text("select [1] as numbers")
    (folder / "z.sql").write_text("from no_such_table")
    frame = frames.read_frame(bench.connection, tmp_path, "x", bench.profile)
    assert frame["number"].fillna(-1).tolist() == [1.0, float("inf"), -1.0]
    with pytest.raises(UserError, match="expected text, numbers or booleans"):
        frames.read_frame(bench.connection, tmp_path, "y", bench.profile)
    with pytest.raises(UserError, match="ispy1 repro"):
        frames.read_frame(bench.connection, tmp_path, "z", bench.profile)


# --- commands ------------------------------------------------------------------------------


def test_gate_and_verdict(project: Path) -> None:
    before = {p: p.read_bytes() for p in (project / "expectations").rglob("*") if p.is_file()}
    done = CliRunner().invoke(app, ["gate"])
    assert (done.exit_code, done.stdout.splitlines()[-1][:6]) == (0, "green:")
    first = (project / report.METRIC).read_bytes()
    rows = read_table(table_path(project / "data/gate", "gate_results"))
    assert rows.num_rows == json.loads(first)["n_contracts"] == N_CONTRACTS
    assert CliRunner().invoke(app, ["verdict"]).exit_code == 0
    table = table_path(project / "data/gate", "gate_results").read_bytes()
    assert CliRunner().invoke(app, ["gate", "--json"]).exit_code == 0
    assert (project / report.METRIC).read_bytes() == first
    assert table_path(project / "data/gate", "gate_results").read_bytes() == table
    after = {p: p.read_bytes() for p in (project / "expectations").rglob("*") if p.is_file()}
    assert after == before


def test_a_red_verdict_names_exactly_what_is_missing(project: Path) -> None:
    path = str(table_path(project / "data/tables", "blobs"))
    gone = "masks_ftv/ISPY1_9002.nii.gz"
    _rewrite(path, f"select * replace (if(path = '{gone}', null, size_bytes) as size_bytes)")
    done = CliRunner().invoke(app, ["gate"])
    assert done.exit_code == 0  # results and card of a red build stay readable
    done = CliRunner().invoke(app, ["verdict"])
    assert done.exit_code == 1
    lines = done.stdout.splitlines()
    assert lines[1:3] == ["1 file is missing:", f"  - {gone}"]
    assert done.stdout.count("  - ") == 1
    assert lines[-1] == text.CLOSING
    done = CliRunner().invoke(app, ["verdict", "--json"])
    assert done.exit_code == 1
    said = json.loads(done.stdout)
    assert said["verdict"] == "red"
    assert said["failing"][0]["failing_cases"] == [f"ISPY1_9002: {gone}"]
    assert said["failing"][0]["fix"]


def _rewrite(path: str, select: str) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"create table t as {select} from read_parquet('{path}')")
        connection.execute(f"copy t to '{path}' (format parquet)")


def test_a_verdict_without_or_with_older_results_is_an_error(project: Path) -> None:
    with pytest.raises(UserError, match="the gate did not run yet"):
        report.read_report(project)
    steps: list[tuple[int, int]] = []
    judge.run_gate(project, progress=lambda *step: steps.append(step))
    assert steps == [(done, len(steps)) for done in range(len(steps))] != []
    assert report.read_report(project).is_green
    metric = project / report.METRIC
    content = metric.read_text()
    metric.write_text(content.replace(str(N_CONTRACTS), str(N_CONTRACTS - 1)))
    with pytest.raises(UserError, match="of another run"):
        report.read_report(project)
    metric.write_text(content)
    (project / "expectations/contracts/keys.yaml").unlink()
    with pytest.raises(UserError, match="of another run"):
        report.read_report(project)


@pytest.fixture(scope="module")
def judged(green: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that the gate has judged. For reading only."""
    root = Path(shutil.copytree(green, tmp_path_factory.mktemp("judged") / "project"))
    judge.run_gate(root)
    return root


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("data/tables/masks.parquet", None), ("splits.csv", "case_id,fold\n"),
        ("expectations/contracts/keys.yaml", "# stricter"),
        ("expectations/profiles/phantom.yaml", "# stricter"),
    ],
)  # fmt: skip
def test_a_verdict_holds_for_what_it_judged_alone(
    judged: Path, tmp_path: Path, path: str, text: str | None
) -> None:
    project = Path(shutil.copytree(judged, tmp_path / "project"))
    assert report.find_stale(project) == []
    assert report.describe_stale_tables(project) is None
    changed = project / path
    old = changed.read_text() if text and changed.exists() else ""
    changed.write_text(old + text) if text else _rewrite(
        str(changed), "select distinct on (mask) *"
    )
    assert path.startswith(report.find_stale(project)[0].split()[0])
    said = report.describe_stale_tables(project)
    assert said == (None if text else f"Stale since the last verdict: {path} changed. "
                    "Run `ispy1 repro`.")  # fmt: skip


def test_the_gate_needs_every_table(project: Path) -> None:
    table_path(project / "data/tables", "masks").unlink()
    with pytest.raises(UserError, match="not built: masks; the gate needs every table"):
        judge.run_gate(project)
    shutil.rmtree(project / "data")
    with pytest.raises(UserError, match=r"not built: all tables; .* Run `ispy1 repro`"):
        judge.run_gate(project)


def test_a_profile_without_a_parameter_file_lacks_none(bench: Bench) -> None:
    files = {k: v for k, v in bench.profile.files.items() if k != "captk_parameters"}
    profile: Profile = bench.profile.model_copy(update={"files": files})
    with bench.connection.cursor() as connection:
        for name in ("blobs", "cases"):
            connection.execute(f"create temp table {name} as from main.{name}")
        connection.execute("delete from blobs where artefact = 'captk_parameters'")
        frames.hand_over(connection, profile, bench.reference)
        frame = frames.read_frame(connection, bench.root, "coverage", profile)
    (contract,) = [c for c in bench.suite("coverage", frame) if c.column == "parameters_found"]
    assert (contract.success, contract.n_checked) == (True, 1)


def test_a_release_without_a_case_has_nothing_to_cover(bench: Bench) -> None:
    report = bench.judge_broken("update cases set in_release = false")
    (empty,) = [line for line in text.list_unjudged(report) if line.startswith("coverage")]
    assert empty == "coverage: there is no case of the release to judge (all its 8 contracts)"


def test_data_docs_are_made_on_demand(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Docs are of what was asked; a few suites take a moment.
    monkeypatch.setattr(engine, "validate", unwrap(engine.validate))
    for path in (project / "expectations/contracts").glob("[!im]*.yaml"):
        path.unlink()
    judge.run_gate(project, docs=True)
    assert (project / "reports/docs/index.html").is_file()


def test_a_terminal_gets_the_case(bench: Bench) -> None:
    gone = next(broken.sql for broken in BREAKS if "0000_N3" in broken.case)
    report = bench.judge_broken(gone)
    console = Console(force_terminal=True, width=200, record=True, file=None, quiet=False)
    with console.capture() as capture:
        text.show(report, console)
    assert "ISPY1_9001_DCE_0000_N3.nii.gz" in capture.get()
    judged = f"{N_CONTRACTS - len(WAIVED)} of {N_CONTRACTS}"
    assert f"red: {judged} contracts judged" in capture.get()


def test_no_contract_at_all_is_red() -> None:
    assert not GateReport(()).is_green
