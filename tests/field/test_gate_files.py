"""Suites as people edit and generate them: shortened, emptied, written by Great Expectations."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from support import ROOT
from typer.testing import CliRunner

from etl.cli import app
from etl.gate import engine, judge
from etl.gate.suites import LIST, SUITES, make_id, read_suites
from etl.model.store import table_path


@pytest.fixture
def project(green: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    root = Path(shutil.copytree(green, tmp_path / "project"))
    monkeypatch.chdir(root)
    yield root
    engine.context.cache_clear()


def test_a_contract_that_is_gone_is_critical(project: Path) -> None:
    suites, held = project / SUITES, read_suites(project)
    (suites / "masks.yaml").unlink()
    shorten(suites / "keys.yaml", "contracts:")
    assert CliRunner().invoke(app, ["gate"]).exit_code == 0
    done = CliRunner().invoke(app, ["verdict"])
    assert done.exit_code == 1
    assert done.stdout.count("gone: no suite holds this contract") == len(held["masks"]) + 1
    assert "critical  masks: " in done.stdout
    assert CliRunner().invoke(app, ["gate", "--accept-contracts"]).exit_code == 0
    assert judge.run_gate(project).is_green


def shorten(path: Path, start: str) -> None:
    """Leave out what follows from `start` on."""
    path.write_text(path.read_text().partition(start)[0])


def test_a_contract_whose_words_change_keeps_its_id_where_the_list_follows(project: Path) -> None:
    before = read_suites(project)["masks"]
    for path in (project / SUITES / "masks.yaml", project / LIST):
        path.write_text(path.read_text().replace("No mask touches the border", "Borders are clear"))
    after = read_suites(project)["masks"]
    assert [e["id"] for e in after] == [e["id"] for e in before]
    assert [e["notes"] for e in after] != [e["notes"] for e in before]


def test_a_contract_that_is_new_is_judged_and_said(project: Path) -> None:
    path = project / LIST
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    done = CliRunner().invoke(app, ["gate"])
    assert f"1 contract(s) more than {LIST} lists" in done.stderr
    assert judge.run_gate(project).is_green


def test_the_list_is_what_the_suites_hold(project: Path) -> None:
    before = (project / LIST).read_bytes()
    CliRunner().invoke(app, ["gate", "--accept-contracts"])
    assert (project / LIST).read_bytes() == before
    shutil.move(project / LIST, project / "elsewhere.csv")
    assert "is no list of contracts" in str(CliRunner().invoke(app, ["gate"]).exception)


MEAN = """
- notes: The mean volume is 4 to 6 cm3
  expect_column_mean_to_be_between: {column: volume_rounded_cm3, min_value: 4, max_value: 6}
"""


def _add(project: Path, contracts: str, suite: str = "masks") -> Path:
    path = project / SUITES / f"{suite}.yaml"
    path.write_text(path.read_text().rstrip() + contracts)
    return path


def test_a_new_contract_has_an_id_that_follows_from_its_words(project: Path) -> None:
    _add(project, MEAN)
    told = {c.expectation_id: c for c in judge.run_gate(project).contracts}
    mean = told[make_id("masks", "The mean volume is 4 to 6 cm3")]
    assert (mean.success, mean.severity, mean.observed) == (True, "critical", "5, of 6 rows")


@pytest.mark.parametrize(
    ("contracts", "words"),
    [
        (MEAN + MEAN.strip(), "'The mean volume is 4 to 6 cm3' stands twice"),
        ("\n- The mean volume is 4 to 6 cm3", "is no contract; expected notes"),
        (MEAN.replace("- notes: The mean volume is 4 to 6 cm3\n ", "-"), "is no contract"),
        (MEAN + "  max_value: 7", "is no contract"),
        (MEAN + "  severity: fatal", "is no contract"),
        (MEAN.replace("4,", "$volume_cm3_min,") + "  severity: info", "is no contract"),
        ("\nfixes: none", "holds notes, there_is, known, fix, contracts, fixes; expected"),
        ("\nknown: volume_cm3", "known and contracts as lists"),
        (MEAN.replace("6 cm3", "{most} cm3"), "masks.yaml: most is no threshold"),
    ],
)
def test_what_is_no_contract_is_a_sentence(project: Path, contracts: str, words: str) -> None:
    path = _add(project, contracts)
    said = str(CliRunner().invoke(app, ["gate"]).exception)
    assert words in said
    assert path.name in said


def _repeat(project: Path, table: str, changed: str) -> None:
    """Add the rows of the mask set ftv to a table once more, as my_unet."""
    path = table_path(project / "data/tables", table)
    with duckdb.connect() as connection:
        connection.execute(f"create table t as from read_parquet('{path}')")
        moved = "'my_unet' as mask, replace(path, 'ftv', 'my_unet') as path"
        connection.execute(
            f"insert into t select * replace ({moved}, {changed}) from t where mask = 'ftv'"
        )
        connection.execute(f"copy t to '{path}' (format parquet)")


@pytest.fixture
def own(project: Path) -> Path:
    """A project with a mask set and contracts of the user's own, as the README shows them."""
    _repeat(project, "blobs", "size_bytes as size_bytes")
    _repeat(project, "masks", "if(case_id = 'ISPY1_9001', 600, volume_cm3) as volume_cm3")
    text = (ROOT / "README.md").read_text()
    query = re.search('echo "(select .*)" > .*my_unet.sql', text)
    contracts = re.search(
        "```yaml\n(# expectations/contracts/my_unet.yaml\n.*?)```", text, re.DOTALL
    )
    assert query
    assert contracts
    (project / "expectations/frames/my_unet.sql").write_text(query[1])
    (project / SUITES / "my_unet.yaml").write_text(contracts[1])
    return project


def test_a_mask_set_of_ones_own_can_have_contracts(own: Path) -> None:
    report = judge.run_gate(own)
    assert report.is_green
    (broken,) = [c for c in report.failing if c.suite == "my_unet"]
    assert (broken.severity, broken.observed) == ("warning", "1 of 2: 600")
    assert broken.failing == (("ISPY1_9001", "masks_my_unet/ISPY1_9001.nii.gz"),)


def test_strict_exits_with_1_where_it_is_red(own: Path) -> None:
    assert CliRunner().invoke(app, ["gate", "--strict"]).exit_code == 0
    path = own / SUITES / "my_unet.yaml"
    path.write_text(path.read_text().replace("severity: warning", "severity: critical"))
    assert CliRunner().invoke(app, ["gate"]).exit_code == 0
    done = CliRunner().invoke(app, ["gate", "--strict"])
    assert done.exit_code == 1
    assert "critical  my_unet: No mask of mine is larger than 500 cm3" in done.stdout


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("select 1 as volume_cm3", "my_unet.sql: gives no column item; expected item"),
        ("select volume from masks", "my_unet.sql: cannot be asked"),
        (None, "my_unet.sql: cannot be asked"),
    ],
)
def test_a_query_that_cannot_be_judged_is_a_sentence(
    own: Path, query: str | None, words: str
) -> None:
    path = own / "expectations/frames/my_unet.sql"
    path.write_text(query) if query else path.unlink()
    assert words in str(CliRunner().invoke(app, ["gate"]).exception)


def test_a_query_of_ones_own_needs_no_case(own: Path) -> None:
    query = "select unnest([7, 8]) as item, 600 as volume_cm3"
    (own / "expectations/frames/my_unet.sql").write_text(query)
    (broken,) = [c for c in judge.run_gate(own).failing if c.suite == "my_unet"]
    assert broken.failing_cases == ("7", "8")
