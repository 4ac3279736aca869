"""The command `ispy1 diff`: exit codes, formats, SQL, and 60,000 feature values."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from pathlib import Path

import pytest
from history import GROWN
from rich.console import Console
from typer.testing import CliRunner, Result

import etl
from ask.diff.pair import Pair
from etl.ask.diff import Difference, compare, connect
from etl.ask.diff.render import (
    list_sections,
    show_unknown_columns,
    write_headline,
    write_markdown,
)
from etl.ask.diff.screen import show
from etl.build.index import list_parts_tables, list_tables
from etl.cli import app
from etl.gate import judged
from etl.model.errors import UserError


@pytest.fixture
def here(story: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(story)
    return story


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["diff", *words])


@pytest.mark.usefixtures("here")
def test_what_cannot_be_compared_is_refused() -> None:
    for words in (("v7",), ("v1", "--format", "xml"), ("v1", "--sql", "drop table masks")):
        assert isinstance(run(*words).exception, UserError)  # main() makes it exit code 2


@pytest.mark.usefixtures("here")
def test_a_pipe_gets_no_colour_and_the_file() -> None:
    done = run("v1", "v2")
    said = done.stdout
    assert done.exit_code == 1
    assert "\x1b" not in said
    line = next(line for line in said.splitlines() if GROWN in line)
    assert line.split() == ["ISPY1_9001", "stv_manual", "changed", "0.257", "0.259", "+0.002",
                            "+0.8", "0.9961", "inf", GROWN]  # fmt: skip
    assert len(said.splitlines()) < 100


def test_a_terminal_gets_colour(found: Difference) -> None:
    console = Console(force_terminal=True, width=160, color_system="standard")
    with console.capture() as capture:
        show(found, console)
    assert "\x1b[32m" in capture.get()
    assert "\x1b[31m" in capture.get()


@pytest.mark.usefixtures("here")
def test_json() -> None:
    done, same = run("v1", "--json"), run("v2", "--json")
    assert (done.exit_code, same.exit_code) == (1, 0)
    said = json.loads(done.stdout)
    assert said["new"] == "the working tree"
    assert said["masks"][0]["difference_percent"] == pytest.approx(0.778, abs=1e-3)
    assert said["masks"][0]["unusual"] is None  # without bound: all masks were equal
    assert json.loads(same.stdout)["is_different"] is False


@pytest.mark.usefixtures("here")
def test_markdown_shows_the_masks_and_folds_the_rest() -> None:
    text = run("v1", "v2", "--format", "markdown").stdout
    before, _, folded = text.partition("<details>")
    assert "| ISPY1_9001 | stv_manual | changed | 0.257 | 0.259 |" in before
    assert "Coverage" not in before
    assert text.count("<details>") == text.count("</details>") == len(folded.split("<details>"))
    assert len(text) < 12_000


@pytest.mark.usefixtures("here")
def test_a_notebook_shows_the_same() -> None:
    assert etl.diff("v2")._repr_markdown_() == run("v2", "--format", "markdown").stdout


def test_markdown_shows_data_as_data(found: Difference) -> None:
    first = found.masks[0]
    odd = {**first, "path": "a|b<script>*c*_d_`e`[f](g)"}
    text = "".join(write_markdown(replace(found, masks=[odd])))
    assert r"a\|b\<script\>\*c\*\_d\_\`e\`\[f\](g)" in text


@pytest.mark.usefixtures("here")
def test_a_release_that_changed_since_the_build_is_said_on_stderr(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(judged, "list_blob_sizes", lambda _folder: {GROWN: 1})
    for words, is_told in ((["v2"], True), (["v1", "v2"], False)):
        said = run(*words, "--sql", "select 1").stderr
        assert ("changed. Run `ispy1 repro`." in said) is is_told


def test_what_is_not_known_any_more_is_counted_by_column(found: Difference) -> None:
    lost = [
        {"table": "masks", "key": {"case_id": n}, "column": "sphericity", "old": n, "new": None}
        for n in range(5)
    ]
    won = {**lost[0], "old": None, "new": 1.0}
    assert show_unknown_columns(replace(found, coverage_cells=[*lost, won])).rows == (
        ("masks", "sphericity", "known now", "1", "0"),
        ("masks", "sphericity", "not known any more", "5", "0, 1, 2 and 2 more"),
    )


def test_long_lists_are_cut_and_say_so(found: Difference) -> None:
    many = replace(found, masks=list(found.masks) * 30)
    console = Console(width=200)
    with console.capture() as capture:
        show(many, console)
    assert "and 198 more; `--json` has all" in capture.get()
    assert "and 198 more" in "".join(write_markdown(many))


def test_a_terminal_gets_few_lines_and_no_broken_word(found: Difference) -> None:
    first = {**found.values[0], "new": "\x1b[2Jx"}
    many = replace(found, values=[first, *found.values] * 30, masks=list(found.masks) * 3)
    screens = {}
    for whole in (False, True):
        console = Console(force_terminal=True, width=80, color_system=None)
        with console.capture() as capture:
            show(many, console, whole=whole)
        screens[whole] = capture.get().splitlines()
    assert max(map(len, screens[False])) <= 80
    assert "\x1b[2J" not in "".join(screens[False])
    assert len(screens[False]) < 100 < len(screens[True])
    assert screens[False][-1].endswith('; in SQL: `--sql "from diff.masks"`')
    words = {str(change[name]) for change in found.values for name in ("table", "column")}
    shown = set(" ".join(screens[False]).replace(":", " ").split())
    assert {table["table"] for table in found.changed_tables[:8]} <= shown
    assert len(words & shown) > 3
    assert any(re.fullmatch(r"  \w+: \S+ → \S+( \(.*)?", line) for line in screens[False])


def test_nothing_is_said_in_one_line(story: Path) -> None:
    steps: list[tuple[int, int]] = []
    same = compare(story, "v1", "v1", progress=lambda *step: steps.append(step))
    assert steps == [(0, 1)]  # no mask, then all values
    assert write_headline(same) == "v1 and v1 are the same: no row and no summary differs."
    assert list_sections(same) == []
    assert (same.masks, same.values, same.coverage_rows, same.blobs) == ([], [], [], [])


def test_sql_over_both_versions(here: Path) -> None:
    query = "select old, new from diff.masks where change = 'changed' and \"column\" = 'volume_cm3'"
    answer = run("v1", "v2", "--json", "--sql", query).stdout
    assert json.loads(answer) == [{"old": "0.257", "new": "0.259"}]
    assert run("v1", "--sql", "from diff.mask_volumes", "--format", "csv").exit_code == 0
    values = "select \"table\", count(*) from diff.changes where kind = 'value' group by all"
    joined = "select sum(m.volume_cm3 - o.volume_cm3) from masks m join old.masks o"
    with connect(here, "v1", "v2") as db:
        counts = dict(db.execute(values).fetchall())
        for followed in (
            "mask_agreement", "kinetics", "recomputed_features", "captk_features", "feature_audit",
            "feature_fits",
        ):  # fmt: skip
            assert counts.pop(followed) > 0
        assert sum(counts.values()) == 19 + 3
        assert db.execute("from diff.columns").fetchall() == []
        grown = db.execute(f"{joined} using (case_id, mask)").fetchone()
        assert grown == (pytest.approx(0.002),)


def test_sql_of_differences_reaches_no_file(here: Path) -> None:
    done = run("v1", "--sql", f"from read_csv('{here}/splits.csv')")
    assert isinstance(done.exception, UserError)


def test_sixty_thousand_feature_values() -> None:
    pair = Pair()
    pair.connection.execute("""
        create table old.features as
        select 'ISPY1_' || (1000 + i // 370) as case_id, 'f' || (i % 370) as feature,
            (hash(i) + 1) / 1e18 as value from range(60310) as r(i);
        create table features as select * replace (value * 1.01 as value) from old.features;
    """)
    for catalog in ("old", "memory"):
        pair.connection.execute(
            f"comment on table {catalog}.main.features is 'Grain: x. Key: case_id, feature.'"
        )
    started = time.perf_counter()
    pair.set(None, None)
    assert pair.ask("select count(*) from diff.features") == [(60310,)]
    assert pair.ask("select count(*), min(unusual) > 0 from diff.changes") == [(60310, True)]
    assert time.perf_counter() - started < 2  # a third of a second on a core of its own


def test_every_view_of_the_schema_is_documented(story: Path) -> None:
    with connect(story, "v1", "v2") as db:
        blank = db.execute(
            "select table_name, column_name from duckdb_columns() "
            "where schema_name = 'diff' and coalesce(comment, '') = ''"
        ).fetchall()
        views = db.execute(
            "select comment from duckdb_views() where schema_name = 'diff'"
        ).fetchall()
    assert blank == []
    assert len(views) == len([*list_tables(), *list_parts_tables()]) + 5
    assert all("Grain: " in comment for (comment,) in views)


def test_voxels_are_counted_by_case(story: Path) -> None:
    """Two voxels more in the expert's mask of 9001, 9002 withdrawn, 9004 added."""
    with connect(story, "v1", "v2") as db:
        rows = db.execute("from diff.voxels order by case_id").fetchall()
        before, after = (
            dict(db.execute(f"select case_id, n_voxels from {name}.voxel_files").fetchall())
            for name in ("old", "main")
        )
    grown, withdrawn, new = rows
    assert grown[:3] == ("ISPY1_9001", before["ISPY1_9001"], after["ISPY1_9001"])
    assert grown[2] - grown[1] == grown[3] - grown[4]
    assert grown[5] >= 2
    assert withdrawn == ("ISPY1_9002", before["ISPY1_9002"], 0, 0, before["ISPY1_9002"], 0)
    assert new == ("ISPY1_9004", 0, after["ISPY1_9004"], after["ISPY1_9004"], 0, 0)
