"""The pages of the cases, and `ispy1 show`."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from pages import HOSTILE, Files, Page, keep_files, make_files
from PIL import Image
from support import CASES, TRIAL_ONLY
from typer.testing import CliRunner, Result

import etl
from etl.cli import app
from etl.gate.report import Contract, Failing, GateReport
from etl.model.errors import UserError
from etl.model.profile import load_profile
from etl.site import gate, page
from etl.site.cases import format_cell, make_pages, make_viewer_url
from etl.site.curve import make_curve
from etl.site.facts import CaseFacts
from etl.site.page import File, Site, render_page
from etl.site.show import HEIGHT, WIDTH, Shown, format_lines, show_case


def render(root: Path, folder: Path, *statements: str) -> Files:
    """The files of the cases, after the connection was told something."""
    return make_files(make_pages, root, folder, statements)


@pytest.fixture(scope="module")
def files(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Files:
    return render(built, tmp_path_factory.mktemp("site"))


def test_each_case_has_a_page_and_a_picture(files: Files) -> None:
    assert set(files) == {
        "cases/index.html", *(f"cases/{c}.{end}" for c in CASES for end in ("html", "png"))
    }  # fmt: skip
    first, second = (Page(files[f"cases/{case}.html"]) for case in CASES)
    assert first.find("a", rel="next", href="../cases/ISPY1_9002.html")
    assert not first.find("a", rel="prev")
    assert second.find("a", rel="prev", href="../cases/ISPY1_9001.html")
    (image,) = first.find("img")
    assert "STV, expert: 0.26 cm3 (vermilion)" in str(image["alt"])


def test_figures_are_those_of_the_tables(files: Files, built: Path) -> None:
    with etl.connect(built) as connection:
        row = connection.execute(
            "select volume_cm3, dice, pe_median_percent, blob_md5 from masks "
            "join mask_agreement using (case_id) join kinetics using (case_id, mask) "
            "where (case_id, mask, mask_b, image_set) = "
            "('ISPY1_9001', 'stv_manual', 'stv_resunet', 'zscored') and mask_a = 'stv_manual'"
        ).fetchone()
    assert row is not None
    volume, dice, enhancement, md5 = row
    index = Page(files["cases/index.html"])
    for value in (volume, dice, enhancement):
        assert index.find("td", **{"data-value": str(value)})
    page = Page(files["cases/ISPY1_9001.html"])
    assert f"{volume:.4g}" in page.text
    assert md5 in page.text
    assert f"{enhancement:,.0f}" in page.text
    meanings = [a["title"] for a in page.find("abbr")]
    assert "voxel_count x voxel_volume_mm3 / 1000" in meanings
    assert "voxel_count x voxel_volume_mm3 / 1000" in page.text  # where no pointer hovers, too


def test_sets_have_one_order_and_both_names(files: Files) -> None:
    page = Page(files["cases/ISPY1_9001.html"])
    legend = "STV, expert (stv_manual), STV, ResUNet (stv_resunet), FTV (ftv)"
    assert f"Masks: {legend}." in page.text
    measures = page.text.partition("Volume, size and place")[2].split("measure", 1)[1]
    heads = [measures.index(name) for name in ("STV, expert", "STV, ResUNet", "FTV")]
    assert heads == sorted(heads)
    (image,) = page.find("img")
    assert re.search(r"STV, expert: .*STV, ResUNet: .*FTV: ", str(image["alt"]))


def test_tables_sort_and_filter_by_attributes(files: Files) -> None:
    page = Page(files["cases/index.html"])
    assert page.find("table", **{"data-table": ""})
    filtered = {a["data-key"] for a in page.find("th") if "data-filter" in a}
    assert filtered == {"subtype", "pcr", "scanner", "broken", "findings", "fold"}
    assert all("scope" in a for a in page.find("th"))


def test_hostile_texts_stay_text(built: Path, tmp_path: Path) -> None:
    quoted = HOSTILE.replace("'", "''")
    files = render(
        built,
        tmp_path,
        "create or replace view findings as select '1' as finding_id, 'masks' as \"table\", "
        f"'warning' as severity, 'ISPY1_9001' as case_id, '{quoted}' as path, '{quoted}' as "
        f"\"check\", '{quoted}' as observed, 'a' as expected, '{quoted}' as likely_cause, "
        "'b' as fix",
        f"create or replace view clinical as select 'ISPY1_9001' as case_id, '{quoted}' as subtype",
    )
    for path in ("cases/index.html", "cases/ISPY1_9001.html"):
        page = Page(files[path])
        assert HOSTILE in page.text
        assert [a for a in page.find("script") if "src" not in a] == []
        assert not [a for _, a in page.tags if any(name.startswith("on") for name in a)]


def test_a_release_in_parts_has_pages(rebuilt: Path, tmp_path: Path) -> None:
    for path in (rebuilt / "data" / "tables").glob("*.parquet"):
        if path.stem not in {"cases", "images"}:
            path.unlink()
    files = render(rebuilt, tmp_path)
    assert "Nothing is measured of this case." in Page(files["cases/ISPY1_9001.html"]).text
    assert "unknown" in Page(files["cases/index.html"]).text


def test_without_blobs_the_page_says_what_brings_them(rebuilt: Path, tmp_path: Path) -> None:
    shutil.rmtree(rebuilt / "data" / "release")
    files = render(rebuilt, tmp_path)
    assert "cases/ISPY1_9001.png" not in files
    assert "dvc pull data/release brings them" in Page(files["cases/ISPY1_9001.html"]).text
    assert "`dvc pull` brings them" in "".join(format_lines(show_case(rebuilt, "9001")))


def test_the_same_inputs_give_the_same_bytes(built: Path, files: Files, tmp_path: Path) -> None:
    assert render(built, tmp_path) == files


def test_only_pages_of_changed_cases_are_made_again(
    files: Files, built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (f"cases/{case}.html" for case in CASES)
    keep_files(files, tmp_path)
    made: list[str] = []

    def note(site: Site, path: str, template: str, **values: object) -> File:
        made.append(path)
        return render_page(site, path, template, **values)

    monkeypatch.setattr(page, "render_page", note)
    assert render(built, tmp_path) == files
    assert made == []
    (tmp_path / first).write_bytes(files[first].replace(b"cm3", b"mm3"))  # by hand
    (tmp_path / second).write_bytes(files[second][:-9])  # cut off
    assert render(built, tmp_path) == files
    assert made == [first, second]
    other = "create or replace view clinical as select 'ISPY1_9002' as case_id, 'other' as subtype"
    changed = render(built, tmp_path, other)
    assert changed == render(built, tmp_path / "fresh", other)
    assert changed[second] != files[second]


def test_series_are_linked_where_the_release_is_real() -> None:
    url = make_viewer_url("1.2", "1.2.3")
    assert url.startswith("https://viewer.imaging.datacommons.cancer.gov/v3/viewer/?")
    assert url.endswith("StudyInstanceUIDs=1.2&SeriesInstanceUIDs=1.2.3")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.000958237, "0.0009582"), (82.2189, "82.22"), (1234.5678, "1,235"), (-56789.4, "-56,789"),
        (15.0, "15"), (1234567, "1,234,567"), (True, "yes"), (None, "none"), (float("nan"), "none"),
        ("a\x1b", "a "), ([1.5, 2], "1.5, 2"),
    ],
)  # fmt: skip
def test_figures_are_short_and_large_ones_in_thousands(value: object, text: str) -> None:
    assert format_cell(value) == text


def test_the_axis_of_the_curve_holds_every_value() -> None:
    for top in (0.4, 3, 99, 101, 240, 5000):
        rows = [{"mask": "m", "phase": p, "gain_percent": v} for p, v in ((0, 0.0), (1, top))]
        curve = make_curve(rows, {"m": 1})
        assert curve is not None
        assert curve.ticks[0][0] <= 0 <= top <= curve.ticks[-1][0]
        assert all(0 <= y <= curve.height for _, y in curve.lines[0].points)
    assert make_curve([], {}) is None


@pytest.fixture
def inside(rebuilt: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(rebuilt)
    return rebuilt


def show(*words: str) -> Result:
    return CliRunner().invoke(app, ["show", *words])


def test_show_fits_a_screen_and_writes_the_picture(inside: Path) -> None:
    lines = show("9001").stdout.splitlines()
    assert len(lines) <= HEIGHT
    assert max(map(len, lines)) <= WIDTH
    assert "picture: own/ISPY1_9001.png" in lines
    assert any(re.match(r"STV, expert \(stv_manual\) +0\.26 +1 ", line) for line in lines)
    with Image.open(inside / "own/ISPY1_9001.png") as picture:
        assert picture.info["Title"].startswith("PHANTOM ISPY1_9001")
    target = inside / "reports/site/cases/ISPY1_9001.png"
    target.parent.mkdir(parents=True)
    (inside / "own/ISPY1_9001.png").rename(target)
    assert f"picture: {target.relative_to(inside)}" in show("ISPY1-9001").stdout
    assert not (inside / "own/ISPY1_9001.png").exists()


def test_show_for_machines(inside: Path) -> None:
    shown = json.loads(show("9001", "--json", "--output", "x.png").stdout)
    assert shown["volumes"]["stv_manual"] == pytest.approx(0.257)
    assert shown["picture"] == "x.png"
    assert (inside / "x.png").is_file()
    assert {"masks", "kinetics", "mask_agreement"} <= set(shown["tables"])


@pytest.mark.parametrize("words", ["ISPY1_9003", "9013", "x", TRIAL_ONLY])
def test_an_unknown_case_suggests_near_ones(built: Path, words: str) -> None:
    with pytest.raises(UserError, match=r"no case of this release\. .*ISPY1_9001"):
        show_case(built, words)


@pytest.mark.usefixtures("inside")
def test_open_starts_no_program_without_a_display(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("typer.launch", opened.append)
    monkeypatch.setattr("sys.platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert show("9001", "--open").exit_code == 0
    assert opened == []
    monkeypatch.setenv("DISPLAY", ":0")
    assert show("9001", "--open").exit_code == 0
    assert [Path(path).name for path in opened] == ["ISPY1_9001.png"]


def test_show_before_the_build(project: Path) -> None:
    with pytest.raises(UserError, match="no table is built yet"):
        show_case(project, "9001")


def test_many_findings_are_counted(rebuilt: Path) -> None:
    shown = show_case(rebuilt, "9001")
    row = {"severity": "info", "check": "a", "observed": "b\x1b", "expected": "c", "fix": "d" * 99}
    shown.case.rows["findings"] = [row] * 40  # type: ignore[index]
    lines = list(format_lines(shown))
    assert len(lines) <= HEIGHT + 1
    assert "findings: 40, the first 3" in lines
    assert lines[-1] == "All of it, in whole texts: ispy1 show ISPY1_9001 --all"
    assert "\x1b" not in "".join(lines)
    assert "".join(format_lines(shown, whole=True)).count("d" * 99) == 40


BROKEN = Contract(
    suite="masks", expectation_id="7", expectation="No mask is empty", column="voxels",
    severity="warning", success=False, n_checked=9, n_failed=2, observed=f"2 of 9: {HOSTILE}",
    failing=(Failing("masks_a b/ISPY1_9001.nii.gz (gzip_truncated)"), Failing("ISPY1_9999")),
    fix="Download `it` again.",
)  # fmt: skip
CRITICAL = replace(
    BROKEN, expectation_id="8", severity="critical", failing=(Failing(CASES[0], "masks_ftv"),)
)
HOLDS = replace(BROKEN, expectation_id="9", success=True, failing=(Failing(CASES[1]),))


@pytest.fixture
def report(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gate that is red, and up to date."""
    report = GateReport((BROKEN, CRITICAL, HOLDS))
    monkeypatch.setattr("etl.gate.report.read_report", lambda _root: report)
    monkeypatch.setattr(gate, "find_stale", lambda _root, **_: [])


@pytest.mark.usefixtures("report")
def test_a_page_shows_the_contracts_that_its_case_breaks(built: Path, tmp_path: Path) -> None:
    files = render(built, tmp_path)
    page, other = (Page(files[f"cases/{case}.html"]) for case in CASES)
    links = [str(a["href"]) for a in page.find("a") if "gate.html#" in str(a.get("href"))]
    assert links == ["../gate.html#masks.8", "../gate.html#masks.7"]  # the worst first
    for words in ("No mask is empty", "masks_ftv", HOSTILE, "masks_a b/ISPY1_9001.nii.gz"):
        assert words in page.text
    assert "No mask is empty" not in other.text
    index = Page(files["cases/index.html"])
    assert index.find("a", href="../cases/ISPY1_9001.html#broken", **{"class": "bad"})
    assert [a["data-choice"] for a in index.find("td") if "data-choice" in a][::2] == ["yes", "no"]


@pytest.mark.usefixtures("report", "inside")
def test_show_says_what_is_broken_and_all_of_it_when_asked() -> None:
    screen, whole = show("9001").stdout, show("9001", "--all").stdout
    assert "BROKEN contracts of the gate: 2\n  critical masks: No mask is empty" in screen
    assert len(screen.splitlines()) <= HEIGHT
    assert HOSTILE not in screen
    assert screen.endswith("whole texts: ispy1 show ISPY1_9001 --all\n")
    assert f"    observed: 2 of 9: {HOSTILE}" in whole
    (worst, _) = json.loads(show("9001", "--json").stdout)["broken_contracts"]
    assert (worst["severity"], worst["what"]) == ("critical", ["masks_ftv"])
    assert "BROKEN" not in show("9002").stdout


def test_without_a_verdict_of_these_tables_pages_say_so(
    files: Files, built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "The gate has not judged these tables" in Page(files["cases/ISPY1_9001.html"]).text
    monkeypatch.setattr("etl.gate.report.read_report", lambda _root: GateReport((CRITICAL,)))
    monkeypatch.setattr(gate, "find_stale", lambda _root, **_: ["masks.parquet changed"])
    files = render(built, tmp_path)
    for path in ("cases/index.html", "cases/ISPY1_9001.html"):
        assert "another state (red): masks.parquet changed" in Page(files[path]).text


def test_what_a_case_lacks_is_named(built: Path, tmp_path: Path) -> None:
    lacks = (
        "create or replace view coverage as select 'ISPY1_9001' as case_id, 1 as item_number, "
        "'mask_ftv' as item, false as is_present, false as is_readable"
    )
    files = render(built, tmp_path, lacks)
    assert "mask_ftv missing" in Page(files["cases/ISPY1_9001.html"]).text
    case = CaseFacts("ISPY1_9001", {"lacking": [{"item": "mask_ftv", "is_present": True}]})
    screen = list(format_lines(Shown(case, load_profile(built))))
    assert "INCOMPLETE: mask_ftv not readable" in screen
