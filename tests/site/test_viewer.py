"""The viewer's page, the blobs that it is sent, and what it is made of that is not ours."""

from __future__ import annotations

import io
import json
import re
import tarfile
from base64 import b64encode
from hashlib import sha512
from pathlib import Path

import polars as pl
import pytest
from serving import ask
from support import CASES, ROOT

from etl.model import project
from etl.model.address import open_address
from etl.model.store import table_path
from etl.site.serve import viewer
from etl.site.serve.vendor import unpack

MASK = "masks_stv_manual/ISPY1_9001.nii.gz"
IMAGE = "images_bias-corrected_nifti/ISPY1_9001/ISPY1_9001_DCE_0001_N3.nii.gz"


def test_a_blob_is_sent_as_it_is(port: int, root: Path) -> None:
    for path in (MASK, IMAGE):
        content = (root / "data/release" / path).read_bytes()
        status, headers, sent = ask(port, f"/blob/{path}")
        assert (status, sent) == (200, content)
        assert headers["content-type"] == "application/gzip"
        assert "content-encoding" not in headers
        assert ask(port, f"/blob/{path}", Range="bytes=-10")[2] == content[-10:]


@pytest.mark.parametrize(
    "path",
    [
        "captk_parameter_file_ispy1.csv", "ISPY1-Tumor-SEG-Radiomics.sums", "masks_stv_manual/",
        "masks_stv_manual/ISPY1_9999.nii.gz", f"x/../{MASK}", f"/{MASK}", "../../params.yaml", "",
    ],
)  # fmt: skip
def test_no_other_file_of_the_release_is(port: int, path: str) -> None:
    assert ask(port, f"/blob/{path}")[0] == 404


def test_a_link_in_the_place_of_a_blob_is_not_followed(port: int, root: Path) -> None:
    mask = root / "data/release/masks_ftv/ISPY1_9002.nii.gz"
    assert ask(port, "/blob/masks_ftv/ISPY1_9002.nii.gz")[0] == 200
    mask.unlink()
    mask.symlink_to(root / "params.yaml")
    assert ask(port, "/blob/masks_ftv/ISPY1_9002.nii.gz")[0] == 404


def test_a_release_elsewhere(port: int, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A blob comes through memory, and is no other than the index says."""
    store = open_address("memory://release")
    content = (root / "data/release" / MASK).read_bytes()
    (store / MASK).parent.mkdir(parents=True, exist_ok=True)
    (store / MASK).write_bytes(content)
    monkeypatch.setattr(project, "release_path", lambda _root: store)
    assert ask(port, f"/blob/{MASK}")[2] == content
    (store / MASK).write_bytes(b"other")
    status, _, sentence = ask(port, f"/blob/{MASK}")
    assert status == 400
    assert b"changed while it was read" in sentence


def test_the_page_of_a_case(port: int) -> None:
    status, headers, page = ask(port, "/viewer?case=ISPY1_9002")
    found = re.search(r'<script type="application/json" id="case">(.*?)</script>', page.decode())
    assert found
    shown = json.loads(found[1])
    assert status == 200
    assert b"<option>zscored</option><option>n3</option>" in page  # the first one is shown
    assert [image["phase"] for image in shown["sets"]["n3"]] == [0, 1, 2]
    masks = {mask["name"]: mask for mask in shown["masks"]}
    assert masks["stv_manual"]["url"] == "/blob/masks_stv_manual/ISPY1_9002.nii.gz"
    assert [m["colour"][0] for m in shown["masks"]] == [240, 86, 240]
    assert [mask["from"] for mask in masks.values()] == pytest.approx([0.5] * 3)
    assert "'unsafe" not in headers["content-security-policy"]
    assert re.findall(r"<option( selected)?>(ISPY1_\d+)", page.decode()) == [
        ("", CASES[0]), (" selected", CASES[1])
    ]  # fmt: skip


def test_what_is_wrong_with_a_mask_is_said_beside_it(port: int, root: Path) -> None:
    path = table_path(root / project.TABLES, "masks")
    whole = pl.read_parquet(path)
    sentences = (b"not on the image's grid", b"ftv: missing, or not readable")
    page = ask(port, "/viewer")[2]
    assert not [sentence for sentence in sentences if sentence in page]
    rows = whole.with_columns(matches_image_grid=pl.col("mask") != "stv_manual")
    rows.filter(pl.col("mask") != "ftv").write_parquet(path)
    page = ask(port, "/viewer")[2]
    whole.write_parquet(path)
    assert [page.count(sentence) for sentence in sentences] == [1, 1]


def test_the_first_case_and_no_such_case(port: int) -> None:
    assert b"<h1>Viewer: ISPY1_9001</h1>" in ask(port, "/viewer")[2]
    status, _, page = ask(port, "/viewer?case=ISPY1_9992")
    assert (status, page.count(b"This release has no image of ISPY1_9992.")) == (404, 1)
    assert b'<li><a href="/viewer?case=ISPY1_9002">ISPY1_9002</a></li>' in page
    status, _, page = ask(port, "/viewer?case=%3Cscript%3E")
    assert (status, page.count(b"&lt;script&gt;")) == (404, 1)


def test_what_to_run_where_it_is_not_installed(
    port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(viewer, "VENDOR", tmp_path)
    page = ask(port, "/viewer")[2]
    assert b"Run <code>make viewer</code>" in page
    assert b"viewer.js" not in page


@pytest.mark.parametrize(
    ("rule", "values", "least"),
    [
        ("threshold 0.3", None, 0.3), ("labels 4 1", [0, 1, 2, 4], 0.5), (None, [0, 255], 127.5),
        (None, None, 0.5), (None, [0], 0.5),
    ],
)  # fmt: skip
def test_from_which_value_on_a_mask_is_drawn(
    rule: str | None, values: list[float] | None, least: float
) -> None:
    mask = {"foreground_rule": rule, "scaled_values": values}
    assert viewer._find_least_foreground(mask) == least


def make_package(path: Path, content: bytes) -> str:
    """Write a package of npm; return its hash as browser.lock has it."""
    with tarfile.open(path, "w:gz") as archive:
        about = tarfile.TarInfo("package/dist/a.js")
        about.size = len(content)
        archive.addfile(about, io.BytesIO(content))
    return f"sha512-{b64encode(sha512(path.read_bytes()).digest()).decode()}"


def test_only_what_the_lock_names_is_unpacked(tmp_path: Path) -> None:
    good, other = tmp_path / "good.tgz", tmp_path / "other.tgz"
    digest = make_package(good, b"good")
    make_package(other, b"other")
    lock = tmp_path / "browser.lock"
    lock.write_text(f"# comment\na@1 dist/a.js {digest}\n")
    unpack(lock, [good], tmp_path / "out")
    assert (tmp_path / "out/a.js").read_bytes() == b"good"
    with pytest.raises(SystemExit, match=r"other.tgz: its hash is not in browser.lock"):
        unpack(lock, [other], tmp_path / "out")
    assert (tmp_path / "out/a.js").read_bytes() == b"good"


def test_the_lock_pins_each_package() -> None:
    lines = [line.split() for line in (ROOT / "browser.lock").read_text().splitlines()[1:]]
    assert [Path(file).name for _, file, _ in lines] == ["niivue.umd.js", "axe.min.js"]
    assert all(re.fullmatch(r".+@\d+\.\d+\.\d+", package) for package, _, _ in lines)
