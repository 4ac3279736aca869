"""The site as people have it: every page in Chromium, from disk and served, by mouse and keys."""

from __future__ import annotations

import io
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from serving import run_server
from support import by_nibabel

import etl
from engines.conftest import Exports, need
from etl.gate.judge import run_gate
from etl.model import project
from etl.model.store import table_path
from etl.site.build import SITE, write_site
from etl.site.serve.vendor import AXE, NIIVUE, VENDOR

api: Any = need("playwright.sync_api")

HOSTILE = '<img class="hostile" src="x" onerror="document.title=1"> & \'"</script><!--'
CASE = "ISPY1_9001"
# Software draws, so that it needs no graphics card.
DRAWS = ("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
# A template makes all rows of a table: axe takes half a minute for thousands.
MANY_ROWS = 6
DROP_ROWS = "n => document.querySelectorAll(`tbody tr:nth-child(n+${n})`).forEach(r => r.remove())"
Array = npt.NDArray[Any]
# playwright's own types are there only where it is installed.
Browser: TypeAlias = Any
Tab: TypeAlias = Any


@pytest.fixture(scope="module")
def root(exports: Exports, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The phantom, judged, with a finding and a blob that a foe has named."""
    root = Path(shutil.copytree(exports.phantom, tmp_path_factory.mktemp("browser") / "project"))
    texts = ("observed", "expected", "likely_cause", "fix", "path")
    finding = {"finding_id": "0" * 32, "table": "blobs", "check": "unknown_file"}
    severe = {"severity": "critical", "case_id": CASE}
    add_row(root, "findings", finding | severe | dict.fromkeys(texts, HOSTILE))
    add_row(root, "blobs", {"path": HOSTILE, "artefact": "other", "verdict": "unlisted"})
    project.params.cache_clear()
    run_gate(root)
    write_site(root, lambda _done, _total: None)
    return root


def add_row(root: Path, name: str, row: dict[str, str]) -> None:
    path = table_path(root / project.TABLES, name)
    table = pq.read_table(path)
    pq.write_table(pa.concat_tables([table, pa.Table.from_pylist([row], table.schema)]), path)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = shutil.which("chromium")
    if program is None or not all((VENDOR / name).is_file() for name in (AXE, NIIVUE)):
        pytest.skip("Chromium, axe-core or NiiVue is not here: `make engines` installs them")
    arguments = [*DRAWS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with api.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=arguments)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def served(root: Path) -> Iterator[str]:
    with run_server(root) as port:
        yield f"http://127.0.0.1:{port}/"


@pytest.fixture(params=["disk", "served"])
def home(request: pytest.FixtureRequest, root: Path) -> str:
    """Where the site is: its folder, or the server."""
    is_served = request.param == "served"
    return request.getfixturevalue("served") if is_served else f"file://{root / SITE}/"


@contextmanager
def open_tab(browser: Browser, home: str, **options: object) -> Iterator[Tab]:
    """Yield a tab; what it says to its console or asks of others than `home` fails the test."""
    wrong: list[str] = []
    context = browser.new_context(**options)
    tab = context.new_page()
    tab.set_default_timeout(120_000)
    tab.on("console", lambda message: wrong.append(f"{tab.url}: {message.text}"))
    tab.on("pageerror", lambda error: wrong.append(f"{tab.url}: {error}"))
    tab.on("dialog", lambda dialog: wrong.append(f"{tab.url}: {dialog.message}"))
    tab.on("request", lambda request: wrong.append(request.url) if is_foreign(request.url) else 0)

    def is_foreign(address: str) -> bool:
        return not address.startswith((home, "data:", f"blob:{home}"))

    yield tab
    context.close()
    assert not wrong


def list_pages(root: Path) -> list[str]:
    folder = root / SITE
    pages = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.html"))
    assert {"index.html", "cases/index.html", f"cases/{CASE}.html"} <= {*pages}
    return pages


def test_every_page_opens(browser: Browser, home: str, root: Path) -> None:
    """No error, no request off the page; nothing of a foe's; no sideways scroll on a telephone."""
    own = ["viewer", "console"] if home.startswith("http") else []
    with open_tab(browser, home, viewport={"width": 400, "height": 800}) as tab:
        for path in (*list_pages(root), *own):
            tab.goto(home + path)
            assert tab.locator("h1").count() == 1, path
            assert tab.locator("nav").get_by_role("link", name="Console").count() == bool(own)
            assert tab.locator(".hostile").count() == 0, path
            assert tab.evaluate("document.documentElement.scrollWidth") == 400, path


def test_axe_finds_nothing_serious(browser: Browser, served: str, root: Path) -> None:
    disk, script = f"file://{root / SITE}/", (VENDOR / AXE).read_text()
    pages = {disk: list_pages(root), served: ["viewer", "console"]}
    for home, paths in pages.items():
        with open_tab(browser, home, color_scheme="light") as tab:
            for path in paths:
                tab.goto(home + path)
                tab.evaluate(DROP_ROWS, MANY_ROWS)
                tab.evaluate(script)
                assert not list_grave(tab), path
                tab.emulate_media(color_scheme="dark")  # only colours depend on it
                assert not list_grave(tab, runOnly=["color-contrast"]), path
                tab.emulate_media(color_scheme="light")


def list_grave(tab: Tab, **options: object) -> list[object]:
    """Return what axe finds on a page and calls serious or critical."""
    asked = {"resultTypes": ["violations"], "preload": False, **options}
    found = tab.evaluate("options => axe.run(document, options)", asked)["violations"]
    return [violation for violation in found if violation["impact"] in ("serious", "critical")]


def test_a_hostile_cell_stays_text(browser: Browser, home: str) -> None:
    with open_tab(browser, home) as tab:
        tab.goto(f"{home}cases/{CASE}.html")
        assert tab.get_by_text(HOSTILE).count() > 0
        if home.startswith("http"):
            tab.goto(f"{home}console")
            tab.fill("#sql", "select observed, null as nothing from findings order by finding_id")
            tab.click("#run")
            cells = tab.locator("#answer tbody tr").first.locator("td")
            cells.first.wait_for()
            assert cells.all_text_contents() == [HOSTILE, "null"]
        assert tab.locator(".hostile").count() == 0


def test_the_cases_filter_and_sort_by_keys(browser: Browser, home: str) -> None:
    with open_tab(browser, home) as tab:
        tab.goto(f"{home}cases/index.html")
        names = tab.locator("tbody tr:visible th")
        assert names.count() == 2
        tab.get_by_role("searchbox").first.press_sequentially(CASE[-4:])
        assert names.all_inner_texts() == [CASE]
        tab.get_by_role("button", name="Clear").press("Enter")
        head = tab.get_by_role("columnheader", name="case")
        for order in ("ascending", "descending"):
            head.get_by_role("button").press("Enter")
            assert head.get_attribute("aria-sort") == order
        assert names.all_inner_texts() == ["ISPY1_9002", CASE]
        tab.get_by_role("link", name=CASE).press("Enter")
        tab.wait_for_url(f"{home}cases/{CASE}.html")
        tab.keyboard.press("ArrowRight")
        tab.wait_for_url(f"{home}cases/ISPY1_9002.html")
        tab.keyboard.press("ArrowLeft")
        tab.wait_for_url(f"{home}cases/{CASE}.html")


def test_the_console_answers_by_keys_alone(browser: Browser, served: str, root: Path) -> None:
    with etl.connect(root) as connection:
        cursor = connection.execute("from label_summary")
        names = [column[0] for column in cursor.description or ()]
        masks = [row[0] for row in cursor.fetchall()]
    with open_tab(browser, served, accept_downloads=True) as tab:
        tab.goto(f"{served}console")
        tab.focus("#sql")
        tab.keyboard.press("Control+A")
        tab.keyboard.type("from label_summary")
        tab.keyboard.press("Control+Enter")
        tab.locator("#answer td").first.wait_for()
        assert tab.locator("#answer thead th").all_text_contents() == names
        assert tab.locator("#answer tbody tr td:first-child").all_text_contents() == masks
        assert tab.locator("#status").inner_text().startswith("3 rows (")
        tab.keyboard.press("Tab")
        assert tab.evaluate("document.activeElement.id") == "run"
        with tab.expect_download() as saved:
            tab.locator("#csv").press("Enter")
        assert Path(saved.value.path()).read_text().splitlines()[0] == ",".join(names)
        tab.fill("#sql", "from range(1500)")
        tab.keyboard.press("Control+Enter")
        tab.get_by_text("1,000 rows, 500 more are hidden: CSV has them").wait_for()


def test_the_console_says_what_is_wrong(browser: Browser, served: str) -> None:
    context = browser.new_context()  # an answer of 400 is a line of the browser's own console
    tab = context.new_page()
    tab.goto(f"{served}console")
    tab.fill("#sql", "drop table masks")
    tab.click("#run")
    error = tab.get_by_text("DROP is not allowed: the warehouse is read-only")
    error.wait_for()
    assert error.get_attribute("role") == "alert"
    context.close()


def test_a_query_that_waits_says_so_and_can_be_stopped(browser: Browser, served: str) -> None:
    with open_tab(browser, served) as first, open_tab(browser, served) as second:
        sentences = ("Running ...", "Another query is running.")
        for tab, sentence in zip((first, second), sentences, strict=True):
            tab.goto(f"{served}console")
            tab.fill("#sql", "select count(*) from range(10000000000), range(1000)")
            tab.click("#run")
            tab.locator("#status", has_text=sentence).wait_for()
        for tab in (second, first):
            tab.click("#stop")
            tab.get_by_text("Stopped.").wait_for()


def test_the_viewer_draws_a_mask_where_it_is(browser: Browser, served: str, root: Path) -> None:
    """What changes with the mask is what the blob has in that plane, to a voxel at its edge."""
    size = {"width": 1280, "height": 900}
    with open_tab(browser, served, viewport=size, device_scale_factor=1) as tab:
        tab.goto(f"{served}viewer?case={CASE}")
        box = tab.get_by_role("checkbox", name=re.compile("stv_manual"))
        pictures = []
        tab.locator("#view[data-shown='1']").wait_for()
        controls = tab.locator("#controls").bounding_box()
        assert controls["y"] + controls["height"] <= size["height"]  # all is seen at once
        tab.get_by_label("View").select_option("axial")
        tab.get_by_label("Opacity").fill("100")
        for n_shown in ("0", "1"):
            box.press("Space")
            tab.locator(f"#view[data-shown='{n_shown}']").wait_for()
            picture = Image.open(io.BytesIO(tab.locator("#view").screenshot())).convert("RGB")
            pictures.append(np.asarray(picture).astype(int))
        tab.get_by_label("Phase").press("ArrowRight")
        tab.get_by_text("2, second after contrast").wait_for()
        tab.get_by_label("View").select_option("sagittal")
        front, back = (click_at(tab, share) for share in (0.4, 0.6))
        assert front > back  # as in the pictures of the site
    changed = np.abs(pictures[1] - pictures[0]).sum(axis=2) > 60
    inside, near = project_mask(root, changed.shape)
    assert inside.sum() > 500
    assert changed[inside].mean() > 0.8  # the rest is under the lines of the cross
    assert not changed[~near].any()


def click_at(tab: Tab, share: float) -> int:
    """Click in the middle row of the picture; return how far to the front that is, in voxels."""
    size = tab.locator("#view").bounding_box()
    position = {"x": share * size["width"], "y": size["height"] / 2}
    tab.locator("#view").click(position=position)
    return int(tab.get_by_label("Back to front").input_value())


def project_mask(root: Path, shape: tuple[int, int]) -> tuple[Array, Array]:
    """The pixels of the axial plane through the expert's mask: a voxel inside it, and near it."""
    from scipy.ndimage import binary_dilation, binary_erosion

    release = root / "data/phantom"
    mask = by_nibabel(release / f"masks_stv_manual/{CASE}.nii.gz")
    bits = np.asarray(mask.dataobj) > 0
    with etl.connect(root) as connection:
        centre = connection.execute(
            "select centroid_r_mm, centroid_a_mm, centroid_s_mm from masks "
            "where case_id = ? and mask = 'stv_manual'", [CASE]
        ).fetchall()[0]  # fmt: skip
    ends = np.array(
        [(mask.affine @ (*(np.array(c) * bits.shape - 0.5), 1))[:3] for c in np.ndindex(2, 2, 2)]
    )
    low, high = ends.min(axis=0), ends.max(axis=0)
    scale = min(shape[1] / (high - low)[0], shape[0] / (high - low)[1])
    y, x = np.indices(shape)
    middle = (low + high) / 2
    r = middle[0] - (x + 0.5 - shape[1] / 2) / scale  # the patient's right is on the left
    a = middle[1] - (y + 0.5 - shape[0] / 2) / scale
    places = np.stack([r, a, np.full(shape, centre[2]), np.ones(shape)])
    index = np.tensordot(np.linalg.inv(mask.affine), places, 1)[:3].round().astype(int)
    is_there = ((index >= 0) & (index < np.array(bits.shape)[:, None, None])).all(axis=0)
    drawn = is_there & bits[tuple(np.where(is_there, index, 0))]
    voxel = int(np.ceil(scale))
    return binary_erosion(drawn, iterations=voxel), binary_dilation(drawn, iterations=voxel + 1)
