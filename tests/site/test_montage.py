"""Pictures of cases: outlines where the truth puts them, and drawn only where something changed."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support import CASES, FINE, Array, build, mask_voxels, write_nifti

from etl.ask.card.draw import GAP, LINE, _find_edge, _scale_up
from etl.ask.card.palette import COLOURS
from etl.ask.card.picture import make_context
from etl.site import montage
from etl.site.montage import PANEL_PIXELS, Montage, make_montages

ZOOM = round(PANEL_PIXELS / max(FINE))
TOP = GAP + LINE + GAP + LINE  # title and heading
MANUAL = "masks_stv_manual/ISPY1_9001.nii.gz"
EXPERT, OWN = COLOURS[1], COLOURS[3]


def draw_all(root: Path, folder: Path) -> list[Montage]:
    """Draw, and keep the pictures as a build does."""
    montages = list(make_montages(make_context(root), folder, CASES))
    folder.mkdir(exist_ok=True)
    for one in montages:
        if one.content is not None:
            (folder / f"{one.case_id}.png").write_bytes(one.content)
    return montages


def read_axial(one: Montage, strip: int = 0, n_notes: int = 1) -> Array:
    """The pixels of the axial plane, R on the left and A at the top."""
    assert one.content is not None
    pixels = np.asarray(Image.open(io.BytesIO(one.content)).convert("RGB"))
    rows, columns = FINE[0] * ZOOM, FINE[2] * ZOOM
    top = TOP + LINE * n_notes + strip * (LINE + max(FINE[0], FINE[1]) * ZOOM + GAP)
    return pixels[top : top + rows, GAP : GAP + columns]


def find_outline(one: Montage, colour: tuple[int, int, int] = EXPERT, n_notes: int = 1) -> Array:
    return np.asarray((read_axial(one, n_notes=n_notes) == colour).all(axis=-1))


def expect_outline(voxels: Array) -> Array:
    """The outline of a mask on PSR axes, in the axial plane through its centroid."""
    level = round(float(np.nonzero(voxels)[1].mean()))
    return _find_edge(_scale_up(voxels[:, level, ::-1] > 0, ZOOM))


@pytest.fixture(scope="module")
def drawn(built: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Montage]]:
    """The folder with the pictures of `built`, and what was said of them."""
    folder = tmp_path_factory.mktemp("montages") / "cases"
    return folder, draw_all(built, folder)


def test_the_outline_lies_where_the_truth_puts_it(drawn: tuple[Path, list[Montage]]) -> None:
    for number, one in enumerate(drawn[1], 1):
        expected = expect_outline(mask_voxels(number, "stv_manual"))
        assert expected.sum() > 500
        assert np.array_equal(find_outline(one), expected), one.case_id


def test_the_difference_shows_what_took_up_contrast(drawn: tuple[Path, list[Montage]]) -> None:
    grey = read_axial(drawn[1][0], strip=1)[..., 0]
    middle = tuple(slice(int(ZOOM * c), int(ZOOM * (c + 1))) for c in (9, FINE[2] - 1 - 8))
    assert grey[middle].mean() > 100
    assert grey[-ZOOM:, :ZOOM].mean() < 30  # far from the tumour


def test_it_says_what_is_seen(drawn: tuple[Path, list[Montage]]) -> None:
    facts = drawn[1][0].facts
    assert facts is not None
    assert facts.title == "PHANTOM ISPY1_9001: STV, expert, 0.26 cm3"
    for words in ("axial, coronal, sagittal", "phase 1 minus phase 0", "0.26 cm3 (vermilion)"):
        assert words in facts.alt


def test_what_did_not_change_is_not_drawn_again(
    rebuilt: Path,
    drawn: tuple[Path, list[Montage]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A mask that moves has its case drawn again, and no other."""
    folder = Path(shutil.copytree(drawn[0], tmp_path / "cases"))
    calls: list[str] = []
    draw = montage._draw

    def note(job: montage._Job) -> Montage:
        calls.append(job.case.case_id)
        return draw(job)

    monkeypatch.setattr(montage, "_draw", note)
    assert draw_all(rebuilt, folder) == drawn[1]
    assert calls == []
    release = rebuilt / "data" / "release"
    moved = np.roll(mask_voxels(1, "stv_manual"), 2, axis=2)
    write_nifti(release / MANUAL, moved, forms="q")
    build(rebuilt)
    first, second = draw_all(rebuilt, folder)
    assert calls == ["ISPY1_9001"]
    assert second == drawn[1][1]
    assert np.array_equal(find_outline(first), expect_outline(moved))
    columns = [np.nonzero(find_outline(one))[1].mean() for one in (drawn[1][0], first)]
    assert columns[0] - columns[1] == pytest.approx(2 * ZOOM)


def test_a_set_of_the_user_is_outlined_and_named(rebuilt: Path, tmp_path: Path) -> None:
    own = np.zeros(FINE, np.float32)
    own[2:6, 3:12, 2:6] = 1
    write_nifti(rebuilt / "data/release/masks_<i>net/ISPY1_9001.nii.gz", own)
    path = rebuilt / "data/release/masks_ftv/ISPY1_9001.nii.gz"
    path.write_bytes(path.read_bytes()[:-20])
    build(rebuilt)
    first, second = draw_all(rebuilt, tmp_path / "cases")
    assert first.facts is not None
    assert second.facts is not None
    level = round(float(np.nonzero(mask_voxels(1, "stv_manual"))[1].mean()))
    expected = _find_edge(_scale_up(own[:, level, ::-1] > 0, ZOOM))
    assert np.array_equal(find_outline(first, OWN, n_notes=2), expected)
    assert "<i>net: 0.14 cm3 (bluish green)" in first.facts.alt
    assert "FTV: not readable" in first.facts.alt
    assert "not measured: masks_ftv/ISPY1_9001.nii.gz" in first.facts.alt
    assert "<i>net" not in second.facts.alt


def test_an_image_before_contrast_that_is_damaged_is_named(rebuilt: Path, tmp_path: Path) -> None:
    (path,) = (rebuilt / "data" / "release").rglob("ISPY1_9001_DCE_0000_N3_zscored.nii.gz")
    path.write_bytes(b"no gzip")
    first, second = draw_all(rebuilt, tmp_path / "cases")
    assert first.facts is not None
    assert second.facts is not None
    assert "no subtraction" in first.facts.alt
    assert path.name in first.facts.alt
    assert "no subtraction" not in second.facts.alt
    assert find_outline(first).sum() > 500


def test_without_blobs_the_old_picture_stays(
    rebuilt: Path, drawn: tuple[Path, list[Montage]], tmp_path: Path
) -> None:
    folder = tmp_path / "cases"
    shutil.rmtree(rebuilt / "data" / "release")
    assert [one.content for one in draw_all(rebuilt, folder)] == [None, None]
    shutil.copytree(drawn[0], folder, dirs_exist_ok=True)
    assert draw_all(rebuilt, folder) == drawn[1]
    old = folder / "ISPY1_9001.png"
    Image.open(old).save(old)  # of other inputs: without the texts it is no picture of ours
    assert draw_all(rebuilt, folder)[0].content is None


def test_an_earlier_picture_is_said_to_be_one(
    rebuilt: Path, drawn: tuple[Path, list[Montage]], monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(rebuilt / "data" / "release")
    monkeypatch.setattr(montage, "make_module_recipe", lambda *_: "another")
    for one, before in zip(draw_all(rebuilt, drawn[0]), drawn[1], strict=True):
        assert one.content == before.content
        assert not one.is_current


def test_several_processes_draw_the_same(
    built: Path,
    drawn: tuple[Path, list[Montage]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(montage, "FEW", 0)
    monkeypatch.setenv("ISPY1_WORKERS", "2")
    assert [*make_montages(make_context(built), tmp_path, CASES * 2)] == drawn[1] * 2


def test_a_worker_that_was_killed_leaves_a_sentence(built: Path, tmp_path: Path) -> None:
    (job, _) = montage._list_jobs(make_context(built), CASES)
    dead = montage._report_death(job)
    assert dead.facts is not None
    assert "not enough memory" in dead.facts.alt
    assert not dead.is_current
    assert not montage._read_kept(tmp_path, job).is_current
