"""The page of the gate: what broke, where, and what to do, in words and not in colour alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
from pages import HOSTILE, Page, open_site

from etl.gate.report import NOT_JUDGED, NOTHING, WAIVED, Contract, Failing, GateReport
from etl.gate.suites import read_suites
from etl.site import gate
from etl.site.page import Site

A, B = "ISPY1_9001", "ISPY1_9002"
HOLDS = Contract(
    suite="masks", expectation_id="1", expectation="No mask is empty", column="voxels",
    severity="critical", success=True, n_checked=9, n_failed=0, observed="9 rows hold it",
    failing=(), fix="Download `it` again.",
)  # fmt: skip
BROKEN = replace(
    HOLDS, expectation_id="2", success=False, n_failed=2, observed=f"2 of 9: {HOSTILE}",
    failing=(Failing(A, f"masks_ftv/{A}.nii.gz"), Failing("ISPY1_7777", HOSTILE)),
)  # fmt: skip
WARNING = replace(BROKEN, expectation_id="3", severity="warning", failing=(Failing(B),))
EMPTY = replace(
    BROKEN, suite="images", n_checked=0, n_failed=0, observed=NOTHING, failing=()
)  # fmt: skip
EXCUSED = replace(HOLDS, suite="drift", n_checked=0, observed=f"{NOT_JUDGED}no tag yet")
WAIVER = replace(EXCUSED, expectation_id="4", observed=f"{WAIVED}a phantom")


@pytest.fixture(scope="module")
def site(green: Path) -> Iterator[Site]:
    with open_site(green) as opened:
        yield opened


@pytest.fixture
def make_page(site: Site, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Page]:
    """The page of these contracts, and of what changed since they were judged."""

    def make(*contracts: Contract, changes: tuple[str, ...] = ()) -> Page:
        monkeypatch.setattr("etl.gate.report.read_report", lambda _root: GateReport(contracts))
        monkeypatch.setattr(gate, "find_stale", lambda _root, **_: [*changes])
        (file,) = gate.make_pages(site)
        return Page(file.content)

    return make


def test_a_red_gate_shows_what_fails_and_leads_to_its_case(
    make_page: Callable[..., Page],
) -> None:
    page = make_page(HOLDS, BROKEN, WARNING, EMPTY)
    assert "✗ Red" in page.text
    assert "broken: 1 critical, 1 warning; 1 with nothing to judge" in page.text
    assert f"masks_ftv/{A}.nii.gz" in page.text
    assert "failed of 9 checked" not in page.text  # what was observed says it
    assert "<code>it</code>" in page.html
    links = page.list_values("href")
    assert {f"cases/{A}.html", f"cases/{B}.html"} <= {*links}
    assert "cases/ISPY1_7777.html" not in links  # no case of the release: no page
    broken = page.html.partition('id="broken"')[2].partition('id="whole"')[0]
    assert broken.index("masks.2") < broken.index("masks.3") < broken.index("masks.1")
    assert "<details open" not in page.html
    assert "nothing to judge" in broken


def test_what_a_release_holds_stays_text(make_page: Callable[..., Page]) -> None:
    page = make_page(BROKEN)
    assert page.text.count(HOSTILE) == 2
    assert "img" not in {tag for tag, _ in page.tags}


def test_a_green_gate_tells_apart_what_was_not_judged(make_page: Callable[..., Page]) -> None:
    page = make_page(HOLDS, EXCUSED, WAIVER)
    assert "✓ Green" in page.text
    assert "· not judged" in page.text
    assert "· waived" in page.text
    assert "waived: a phantom" in page.text
    assert 'id="broken"' not in page.html


def test_a_stale_verdict_says_so(make_page: Callable[..., Page]) -> None:
    page = make_page(HOLDS, changes=("data/tables/masks.parquet changed",))
    assert "? Stale" in page.text
    assert "judged another state (green): data/tables/masks.parquet changed" in page.text


def test_many_failing_cases_end_with_the_command_that_lists_them(
    make_page: Callable[..., Page],
) -> None:
    failing = tuple(Failing(f"ISPY1_{number}") for number in range(1000, 1163))
    page = make_page(replace(BROKEN, failing=failing))
    assert "ISPY1_1059, and 103 more" in page.text
    assert "All 163: ispy1 sql -f csv" in page.text


def test_suites_stand_by_the_worst_that_broke(make_page: Callable[..., Page]) -> None:
    html = make_page(replace(WARNING, suite="blobs"), BROKEN).html
    assert html.index('id="suite-masks"') < html.index('id="suite-blobs"')


def test_a_long_list_of_what_was_observed_is_folded(make_page: Callable[..., Page]) -> None:
    names = ", ".join(f"feature_{number}" for number in range(110))
    page = make_page(replace(BROKEN, observed=names))
    first, _, rest = page.html.partition("<summary>the rest</summary>")
    assert "(2 failed of 9 checked)" in first
    assert "feature_9," in first
    assert "feature_109" not in first
    assert "feature_109" in rest


def test_a_number_has_its_source(site: Site, make_page: Callable[..., Page]) -> None:
    stated = next(e for e in read_suites(site.root)["masks"] if e["meta"].get("threshold"))
    name = stated["meta"]["threshold"]
    page = make_page(replace(HOLDS, expectation_id=stated["id"]))
    assert f"{name}: {site.profile.thresholds[name].source}" in page.text


def test_before_the_gate_there_is_no_verdict(site: Site) -> None:
    (file,) = gate.make_pages(site)
    page = Page(file.content)
    assert "? No verdict" in page.text
    assert "The gate has not judged these tables. Run ispy1 repro" in page.text
    assert str(site.root) not in page.html


def test_without_a_table_of_cases_nothing_leads_to_a_page(site: Site) -> None:
    with duckdb.connect() as empty:
        assert gate.make_case_finder(replace(site, connection=empty))(A) is None


def test_the_same_bytes_twice(make_page: Callable[..., Page]) -> None:
    contracts = (HOLDS, BROKEN, EXCUSED)
    assert make_page(*contracts).html == make_page(*contracts).html
