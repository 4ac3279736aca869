"""The card: every figure from SQL, in parts where the release is in parts."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import ROOT, build
from typer.testing import CliRunner

import etl
from etl.ask import methods
from etl.ask.card.card import CARD, Facts, read_facts, render_card, write_card
from etl.ask.card.template import TEMPLATE
from etl.cli import app
from etl.gate.report import NOTHING, Contract, Failing, GateReport
from etl.model.errors import UserError
from etl.model.profile import load_profile
from etl.text import markdown as md
from etl.text.values import format_bytes
from etl.warehouse.reports import list_reports

RED = Contract(
    suite="masks",
    expectation_id="1",
    expectation="a mask | is there",
    column=None,
    severity="critical",
    success=False,
    n_checked=9,
    n_failed=7,
    observed="<b>none</b>",
    failing=tuple(Failing(f"ISPY1_{n}") for n in range(9001, 9008)),
    fix="Adopt it.",
)


def section(card: str, title: str) -> str:
    return card.split(f"\n## {title}\n")[1].split("\n## ")[0].strip()


def card_of(root: Path, *contracts: Contract) -> str:
    with etl.connect(root) as connection:
        known = read_facts(root)
        report = GateReport(contracts) if contracts else None
        return render_card(
            connection, root, Facts(known.profile, "0123abcd.dir", known.recipes, report)
        )


@pytest.fixture(scope="module")
def card(built: Path) -> str:
    return card_of(built)


def test_a_phantom_says_so_in_the_first_line(card: str) -> None:
    assert card.splitlines()[0].startswith("# PHANTOM")
    real = Facts(load_profile(ROOT, "ispy1_tcia"), None, {}, None)
    first = render_card(duckdb.connect(), ROOT, real).splitlines()[0]
    assert first == "# ISPY1-Tumor-SEG-Radiomics"


def test_its_figures_are_those_of_the_views(card: str, built: Path) -> None:
    with etl.connect(built) as connection:
        ((slices, volume, counts),) = connection.execute(
            "select n_slices, volume_max_cm3, (select count(*) from case_counts) "
            "from slice_count, label_summary where mask = 'stv_manual'"
        ).fetchall()
    assert section(card, "Slices").startswith(f"{slices} slices")
    assert f" {volume:.2f} |" in section(card, "Labels")
    assert len(section(card, "Counts").splitlines()) == counts + 2
    assert "| median | 1 x 1 x 1 | 18 x 15 x 16 |" in section(card, "Resolution")
    assert "| masks_ftv/ | 2 |" in section(card, "Files")
    assert "`0123abcd.dir`" in section(card, "Version")


def test_what_is_derived_from_several_blobs(card: str, built: Path) -> None:
    with etl.connect(built) as connection:
        ((dice, enhancement),) = connection.execute(
            "select (select median(dice) from mask_agreement "
            "where (mask_a, mask_b) = ('ftv', 'stv_manual')), median(pe_median_percent) "
            "from kinetics where (mask, image_set) = ('stv_manual', 'zscored')"
        ).fetchall()
        ((stretched, n_cases),) = connection.execute(
            "select count(distinct case_id) filter (where is_stretched), count(distinct case_id) "
            "from phase_scale"
        ).fetchall()
    assert f"| ftv | stv_manual | 2 | {dice:.2f} |" in section(card, "Agreement of the masks")
    words = f"N3 phases on different scales: {stretched} of {n_cases} cases."
    assert words in section(card, "Enhancement")
    assert f"| stv_manual | zscored | 2 | {enhancement:,.0f} % |" in section(card, "Enhancement")


def test_it_names_the_recipe_of_every_table(card: str, built: Path) -> None:
    for name, recipe in read_facts(built).recipes.items():
        assert f"`{recipe}`" in section(card, "Version")
        assert f"| {name} |" in section(card, "Version")


def test_the_verdict(built: Path, card: str) -> None:
    assert "**Verdict: none**" in card
    red = card_of(built, RED)
    assert "**Verdict: red**" in red
    broken = section(red, "Broken contracts")
    assert "a mask \\| is there" in broken
    assert "\\<b\\>" in broken
    assert "ISPY1_9005, and 2 more" in broken
    green = card_of(built, replace(RED, success=True))
    assert "**Verdict: green**" in green
    assert section(green, "Broken contracts") == "none"


def test_same_release_same_bytes(rebuilt: Path) -> None:
    assert write_card(rebuilt) == rebuilt / CARD
    first = (rebuilt / CARD).read_bytes()
    assert str(rebuilt).encode() not in first
    write_card(rebuilt)
    assert (rebuilt / CARD).read_bytes() == first


def test_an_empty_release_has_a_card(project: Path) -> None:
    (project / "data" / "release" / "README").write_text("nothing yet")
    build(project)
    card = write_card(project).read_text()
    assert section(card, "Resolution").endswith("none")
    assert section(card, "Images") == "none"
    assert section(card, "Slices").startswith("0 slices in 0 z-scored images")
    assert "| stv\\_manual | 0 |" in card or "| stv_manual | 0 |" in card


def test_missing_tables_are_none(rebuilt: Path) -> None:
    for path in (rebuilt / "data" / "tables").glob("*.parquet"):
        if path.stem not in {"blobs", "images"}:
            path.unlink()
    card = write_card(rebuilt).read_text()
    for title in ("Labels", "Coverage", "Counts", "Claims", "Findings"):
        assert section(card, title) == "none", title
    assert "| zscored | 6 | 2 |" in section(card, "Images")


def test_missing_files_are_listed(rebuilt: Path) -> None:
    (rebuilt / "data" / "release" / "masks_ftv" / "ISPY1_9002.nii.gz").unlink()
    build(rebuilt)
    coverage = section(write_card(rebuilt).read_text(), "Coverage")
    assert "- ISPY1_9002: mask_ftv" in coverage
    assert "| mask_ftv | 1 | 1 | 2 | 50.0 % |" in coverage


def test_before_the_build_there_is_no_card(project: Path) -> None:
    with pytest.raises(UserError, match="no table is built yet"):
        write_card(project)
    assert not (project / CARD).exists()


def test_it_shows_a_picture_only_where_there_is_one(rebuilt: Path) -> None:
    (rebuilt / "reports" / "card.png").unlink(missing_ok=True)
    assert "card.png" not in write_card(rebuilt).read_text()
    (rebuilt / "reports" / "card.png").write_bytes(b"png")
    assert "![Three planes of one case](card.png)" in write_card(rebuilt).read_text()


def test_it_tells_cases_from_cases_with_files(rebuilt: Path) -> None:
    for path in (rebuilt / "data" / "release").rglob("*ISPY1_9002*.nii.gz"):
        path.unlink()
    build(rebuilt)
    named = "named by a blob, by the publisher's manifest or by the features workbook"
    assert (
        f"- **Cases:** 2 in the release ({named}), 1 with files" in write_card(rebuilt).read_text()
    )


def test_contracts_with_nothing_to_judge_are_said_in_words(built: Path) -> None:
    empty = replace(
        RED, column=None, n_checked=0, n_failed=0, failing=(), observed=NOTHING,
        expectation="There is a declared mask to judge",
    )  # fmt: skip
    red = card_of(built, RED, empty)
    assert "broken: 1 critical; 1 with nothing to judge (their input is missing)" in red
    broken = section(red, "Broken contracts")
    assert broken.endswith("- masks: there is no declared mask to judge (1 of its 2 contracts)")
    assert "| nothing to judge |" not in broken


@pytest.mark.parametrize(
    ("template", "answered"),
    [
        (TEMPLATE, {"title", "verdict", "picture", "no_picture", "unjudged", "version", "tables"}),
        (
            methods.TEMPLATE,
            {"phantom", "version", "software", "verdict", "recompute.inputs", "audit.not_compared"},
        ),
    ],
)
def test_every_block_of_a_template_is_answered(
    built: Path, template: Path, answered: set[str]
) -> None:
    """A name that nothing answers would say `none`, and nobody would see the misprint."""
    with etl.connect(built) as connection:
        for name in re.findall(r"<!-- (?:of\.)?([\w.]+)", template.read_text()):
            if name not in answered | list_reports(ROOT).keys():
                connection.execute(f"from {name}")


@given(st.text(alphabet="a`|\\<*\n"))
def test_prose_never_breaks_a_table_and_keeps_code(value: str) -> None:
    said = md.escape_prose(value)
    assert "\n" not in said
    assert said.replace("\\\\", "").replace("\\|", "").count("|") == 0
    assert md.escape_prose(f"Run `ispy1 a`. {value}").startswith("Run `ispy1 a`.")


@given(st.text())
def test_text_never_breaks_a_table(value: str) -> None:
    lines = [line[:-1] for line in md.format_table(("a",), [[md.format_cell(value)]])]
    assert all("\n" not in line and "\r" not in line for line in lines)
    assert lines[2].replace("\\\\", "").replace("\\|", "").count("|") == 2
    assert "`" not in md.format_code(value)[1:-1]


@pytest.mark.parametrize(
    ("n_bytes", "words"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (6_100_000_000, "6.1 GB")]
)
def test_sizes(n_bytes: int, words: str) -> None:
    assert format_bytes(n_bytes) == words


def test_lists_end_somewhere(built: Path) -> None:
    broken = section(card_of(built, *(RED,) * 23), "Broken contracts")
    assert broken.endswith("and 3 more: `ispy1 report problems`")


def test_the_commands(rebuilt: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(rebuilt)
    done = CliRunner().invoke(app, ["card"])
    assert done.exit_code == 0, done.output
    for path in ("reports/card.png", CARD):
        assert (rebuilt / path).stat().st_size > 0
