"""The picture is always written: whole, in part, or as a text that says why not."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support import FINE, build, make_release, write_nifti

from etl.ask.card.draw import OUTSIDE
from etl.ask.card.palette import COLOURS
from etl.ask.card.picture import PICTURE, write_picture
from etl.model.errors import UserError

IMAGES = "images_bias-corrected_resampled_zscored_nifti"
NATIVE_IMAGES = "images_bias-corrected_nifti"


def painted(root: Path) -> int:
    """How many colours of masks are in the picture."""
    pixels = np.asarray(Image.open(root / PICTURE).convert("RGB")).reshape(-1, 3)
    return sum(int((pixels == colour).all(axis=1).sum()) > 300 for colour in COLOURS)


def has_grey(root: Path) -> bool:
    """Whether an image lies behind the outlines: few pixels have the colour of its absence."""
    pixels = np.asarray(Image.open(root / PICTURE).convert("RGB"))
    return bool((pixels == OUTSIDE).all(axis=-1).mean() < 0.05)


def test_a_whole_release(rebuilt: Path) -> None:
    title = write_picture(rebuilt)
    assert title.startswith("PHANTOM ISPY1_9001: median case by STV, expert, 0.26 cm3")
    assert painted(rebuilt) == 3
    assert has_grey(rebuilt)
    first = (rebuilt / PICTURE).read_bytes()
    write_picture(rebuilt)
    assert (rebuilt / PICTURE).read_bytes() == first


@pytest.mark.parametrize(
    ("folders", "words", "n_masks", "is_grey"),
    [
        ((IMAGES, NATIVE_IMAGES), "ISPY1_9001", 3, False),
        ((IMAGES, "masks_stv_manual", "masks_stv_resunet"), "median case by FTV", 1, True),
        (("masks_ftv", "masks_stv_manual", "masks_stv_resunet"), "no tumour mask", 0, True),
    ],
)
def test_a_release_without_some_folders(
    rebuilt: Path, folders: tuple[str, ...], words: str, n_masks: int, *, is_grey: bool
) -> None:
    for folder in folders:
        shutil.rmtree(rebuilt / "data" / "release" / folder)
    build(rebuilt)
    assert words in write_picture(rebuilt)
    assert painted(rebuilt) == n_masks
    assert has_grey(rebuilt) is is_grey


def test_an_empty_release(project: Path) -> None:
    (project / "data" / "release" / "README").write_text("nothing yet")
    build(project)
    assert "no picture" in write_picture(project)
    assert (project / PICTURE).is_file()


def test_all_images_damaged_leaves_the_masks(rebuilt: Path) -> None:
    for path in (rebuilt / "data" / "release" / IMAGES).rglob("*.nii.gz"):
        path.write_bytes(b"no gzip")
    assert "ISPY1_9001" in write_picture(rebuilt)
    assert painted(rebuilt) == 3
    assert not has_grey(rebuilt)


def test_no_blob_on_disk(rebuilt: Path) -> None:
    """A clone that holds tables and no blobs."""
    shutil.rmtree(rebuilt / "data" / "release")
    assert "no picture" in write_picture(rebuilt)


def test_a_picture_without_blobs_is_drawn_anew_when_they_come(rebuilt: Path) -> None:
    release = rebuilt / "data" / "release"
    release.rename(rebuilt / "away")
    write_picture(rebuilt)
    (rebuilt / "away").rename(release)
    assert "ISPY1_9001: median case" in write_picture(rebuilt)
    shutil.rmtree(release)
    assert "ISPY1_9001: median case" in write_picture(rebuilt)  # as it was pulled


def test_masks_that_are_empty(project: Path) -> None:
    release = make_release(project / "data" / "release")
    for path in release.glob("masks_stv_*/*.nii.gz"):
        write_nifti(path, np.zeros(FINE, np.float32), forms="q")
    build(project)
    assert "median case by FTV" in write_picture(project)


def test_without_tables_the_command_says_what_to_do(project: Path) -> None:
    with pytest.raises(UserError, match="ispy1 repro"):
        write_picture(project)


def test_the_real_mask_alone(project: Path, real: Path) -> None:
    source = real / "NIfTI-Files" / "masks_stv_manual"
    shutil.copytree(source, project / "data" / "release" / "masks_stv_manual")
    text = (project / "params.yaml").read_text().replace("profile: phantom", "profile: ispy1_tcia")
    (project / "params.yaml").write_text(text)
    build(project)
    assert write_picture(project) == "ISPY1_1002: median case by STV, expert, 5.09 cm3"
