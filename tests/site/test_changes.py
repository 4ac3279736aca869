"""The page of changes: what two versions differ in, with pictures; a sentence where it cannot."""

from __future__ import annotations

import io
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from history import GROWN, git
from pages import Files, Page, keep_files, make_files
from PIL import Image
from support import ball, md5, psr, write_nifti

from etl.ask.card.palette import COLOURS
from etl.site import changes, overlay
from etl.site.build import SITE
from etl.site.overlay import SIDES
from etl.versions import dvc, revision_tables
from etl.warehouse.connect import connect

A = "ISPY1_9001"


def render(root: Path) -> Files:
    return make_files(changes.make_pages, root)


def read_page(files: Files) -> Page:
    return Page(files["changes.html"])


def read_sentence(root: Path) -> str:
    """What the page says where it has nothing to show."""
    html = render(root)["changes.html"].decode()
    assert str(root) not in html
    return html.partition('<p class="warn">')[2].partition("</p>")[0]


@pytest.fixture(scope="module")
def files(story: Path) -> Files:
    return render(story)


@pytest.fixture(scope="module")
def mask(story: Path) -> dict[str, Any]:
    """Volume and MD5 of the mask that changed, in both versions."""
    query = "select volume_cm3, blob_md5 from masks where case_id = ? and mask = 'stv_manual'"
    sides: dict[str, Any] = {}
    for side, rev in zip(SIDES, ("v1", "v2"), strict=True):
        with connect(story, rev=rev) as connection:
            (row,) = connection.execute(query, [A]).fetchall()
        sides |= {f"{side}_cm3": row[0], f"{side}_md5": row[1]}
    return sides


@pytest.fixture
def copy(story: Path, tmp_path: Path) -> Path:
    """A copy of the two versions that a test may change."""
    return Path(shutil.copytree(story, tmp_path / "p", symlinks=True))


def test_it_names_the_changed_mask_with_volumes_dice_and_hashes(
    story: Path, files: Files, mask: dict[str, Any]
) -> None:
    page = read_page(files)
    words = f"{mask['old_cm3']:.3f} to {mask['new_cm3']:.3f} cm³"
    assert f"{A} stv_manual: {words}" in page.text
    dice = 2 * mask["old_cm3"] / (mask["old_cm3"] + mask["new_cm3"])  # it only grew
    assert f"Dice {dice:.4f}" in page.text
    assert mask["new_md5"] == md5(story / "data/release" / GROWN)
    assert {f"MD5 {mask['old_md5']} before", f"{mask['new_md5']} after"} <= {
        part.strip(" .") for part in page.text.replace(", ", ". ").split(". ")
    }
    assert f"cases/{A}.html" in page.list_values("href")
    assert "v1 to v2:" in page.text
    assert "ISPY1_9002" in page.text  # withdrawn: rows that went
    assert "masks_ftv/ISPY1_9001.nii.gz" in page.text  # packed again: another MD5
    assert git(story, "rev-parse", "v1")[:8] in page.text


def list_colours(picture: bytes) -> set[tuple[int, ...]]:
    pixels = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")).reshape(-1, 3)
    return {tuple(map(int, colour)) for colour in np.unique(pixels, axis=0)}


def test_the_picture_shows_what_was_added(files: Files) -> None:
    """Two voxels far from the tumour: the planes go through them."""
    page = read_page(files)
    (picture,) = [path for path in files if path.endswith(".png")]
    assert picture in page.list_values("src")
    assert COLOURS[SIDES["new"]] in list_colours(files[picture])
    assert f"{A} stv_manual, v1 and v2" in page.list_values("alt")[0]


@pytest.mark.parametrize("spacing", [1.0, 2.0])
def test_both_outlines_are_drawn_on_one_grid_or_two(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spacing: float
) -> None:
    size = (80, 80, 80)
    old = ball(size, (40, 40, 40), 12).astype(np.uint8)
    new = ball(size, (40 / spacing, 40 / spacing, 40 / spacing), 20 / spacing).astype(np.uint8)
    write_nifti(tmp_path / "old.nii.gz", old, psr((1.0, 1.0, 1.0)))
    write_nifti(tmp_path / "new.nii.gz", new, psr((spacing, spacing, spacing)))
    monkeypatch.setattr(overlay, "find_blob", lambda root, _md5, path: root / path)
    change = {"case_id": A, "mask": "ftv", "old_cm3": 7.2, "new_cm3": None}
    change |= {f"{side}_{of}": f"{side}.nii.gz" for side in SIDES for of in ("md5", "path")}
    laid = overlay.lay_over(tmp_path, change, None, ("v1", "v2"), "made of")
    assert laid.picture is not None
    assert {COLOURS[number] for number in SIDES.values()} <= list_colours(laid.picture)
    assert (laid.dice is not None) is (spacing == 1.0)
    assert laid.note == (None if laid.dice else "the masks lie on different grids")
    change |= {"dice": laid.dice, "dice_note": laid.note, "difference_percent": None}
    words = changes._describe_picture(change)["dice"]
    assert words.startswith("Dice 0." if laid.dice else f"no Dice: {laid.note}")
    (tmp_path / "new.nii.gz").write_bytes(b"no image")
    laid = overlay.lay_over(tmp_path, change, None, ("v1", "v2"), "made of")
    assert laid.picture is None
    assert (laid.note or "").startswith("a blob cannot be read")


def test_the_same_bytes_twice_and_nothing_is_compared_again(
    copy: Path, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_files(files, copy / SITE)
    with monkeypatch.context() as patch:
        patch.setattr(changes, "compare", lambda *_, **__: pytest.fail("compared again"))
        assert render(copy) == files
    (copy / SITE / "changes/01.png").write_bytes(b"no picture")
    assert render(copy) == files


def test_a_clone_without_blobs_keeps_the_pictures_that_it_has(
    copy: Path, files: Files, mask: dict[str, Any]
) -> None:
    dvc.name_cache_path(copy, mask["old_md5"]).unlink()
    without = render(copy)
    assert "the old blob is not at hand" in read_page(without).text
    assert not [path for path in without if path.endswith(".png")]
    keep_files(files, copy / SITE)
    assert render(copy) == files


def test_what_is_hidden_is_said(story: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "MAX_ROWS", 1)
    monkeypatch.setattr(changes, "MAX_PICTURES", 0)
    page = read_page(render(story))
    assert "more: ispy1 diff v1 v2 --all" in page.text
    assert "not measured here" in page.text


def test_what_was_built_since_the_latest_tag_comes_before_older_tags(copy: Path) -> None:
    older = revision_tables.list_tables_at(copy, "v1")["masks"]
    shutil.copy(dvc.name_cache_path(copy, older), copy / "data/tables/masks.parquet")
    page = read_page(render(copy))
    assert "From v2 (" in page.text
    assert "to the working tree, as it was built here" in page.text
    assert f"{A} stv_manual" in page.text
    assert "A new tag alone runs no stage" in page.text


def test_one_tag_is_compared_with_what_lies_here_and_is_text(copy: Path) -> None:
    git(copy, "tag", "<b>&amp;", "v1")
    git(copy, "tag", "-d", "v1", "v2")
    page = read_page(render(copy))
    assert "From <b>&amp; (" in page.text
    assert "b" not in {tag for tag, _ in page.tags}
    assert "to the working tree, as it was built here" in page.text
    assert f"{A} stv_manual" in page.text


def test_where_nothing_can_be_shown_a_sentence_says_why(copy: Path) -> None:
    path = dvc.name_cache_path(copy, revision_tables.list_tables_at(copy, "v1")["masks"])
    path.chmod(0o644)
    path.write_bytes(b"no table")
    assert "masks" in read_sentence(copy)
    path.unlink()
    assert read_sentence(copy) == (
        "1 files of v1 or v2 are not in the DVC cache, and a build fetches nothing: "
        "<code>ispy1 diff v1 v2</code> does, then <code>ispy1 site</code> shows here what changed."
    )
    git(copy, "tag", "-d", "v1", "v2")
    git(copy, "tag", "same")
    html = render(copy)["changes.html"].decode()
    assert "same and the working tree are the same: every table is the same file." in html
    git(copy, "tag", "-d", "same")
    git(copy, "tag", "of-nothing", git(copy, "commit-tree", "-m", "-", "HEAD:sql").strip())
    assert "then <code>git tag v1</code>: from then on" in read_sentence(copy)
    shutil.rmtree(copy / ".git")
    assert "git" in read_sentence(copy)
