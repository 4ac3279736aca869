"""Names: a path in a release to what it is, and back; and the variants that people have."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support import CLINICAL, ROOT

from etl.model.profile import load_profile
from etl.model.release import (
    Name,
    extension,
    is_known,
    is_litter,
    list_blobs_of_case,
    parse,
    place_in_release,
)

PROFILE = load_profile(ROOT, "ispy1_tcia")
ZSCORED = PROFILE.image_sets["zscored"].folder
N3 = PROFILE.image_sets["n3"].folder

cases = st.integers(0, 9999).map(lambda number: f"ISPY1_{number:04d}")
extensions = st.sampled_from([".nii", ".nii.gz"])
images = st.builds(
    Name,
    path=st.just(""),
    artefact=st.sampled_from(["image_n3", "image_zscored"]),
    mask=st.none(),
    case_id=cases,
    phase=st.sampled_from(PROFILE.phases),
)
masks = st.builds(
    Name,
    path=st.just(""),
    artefact=st.just("mask"),
    mask=st.from_regex(r"[a-z0-9_]{1,20}", fullmatch=True),
    case_id=cases,
    phase=st.none(),
)
# Folders above a release; none of them may be a name that means something.
roots = st.lists(
    st.text(min_size=1, max_size=8).filter(
        lambda text: "/" not in text and "\0" not in text and not text.startswith("masks_")
    ),
    max_size=3,
).map(lambda parts: "".join(f"x{part}/" for part in parts))


@given(name=st.one_of(images, masks), ending=extensions, root=roots)
@example(Name("", "image_n3", None, "ISPY1_1002", 1), ".nii.gz", "")
@example(Name("", "mask", "ftv", "ISPY1_1002"), ".nii", "")
def test_a_canonical_path_below_any_root_says_what_it_is(
    name: Name, ending: str, root: str
) -> None:
    path = root + place_in_release(name, PROFILE, ending)
    assert parse(path, PROFILE) == replace(name, path=path)
    assert extension(path) == ending


@given(path=st.text(min_size=1, max_size=60).filter(lambda text: text.strip("/.")))
def test_any_path_is_parsed_and_never_escapes(path: str) -> None:
    name = parse(path, PROFILE)
    target = place_in_release(name, PROFILE)
    assert not target.startswith("/")
    assert ".." not in target.split("/") or name.artefact == "other"


@pytest.mark.parametrize(
    ("path", "identity"),
    [
        (f"a/NIfTI-Files/{N3}/ISPY1_1002/ISPY1_1002_DCE_0001_N3.nii.gz", ("image_n3", 1)),
        (f"{ZSCORED}/ISPY1_1002/ISPY1_1002_DCE_0001_N3_zscored.nii", ("image_zscored", 1)),
        (f"{ZSCORED}/ISPY1_1002/ISPY1_1002_DCE_0001_N3.nii", ("image_zscored", 1)),
        (f"{ZSCORED}/ISPY1_1002/ISPY1_1002_DCE_0001.nii.gz", ("image_zscored", 1)),
        (f"{N3}/{ZSCORED}/ISPY1-1002_DCE_0002_N3.nii.gz", ("image_zscored", 2)),
        (f"{ZSCORED}/{N3}/ISPY1_1002_DCE_0002_N3.nii.gz", ("image_n3", 2)),
        ("1002_DCE_0000_N3.nii.gz", ("image_n3", 0)),
        ("anywhere/ISPY1_1002_DCE_0000_N3_zscored.nii.gz", ("image_zscored", 0)),
        ("masks_ftv/ISPY1_1002.nii.gz", ("mask", None)),
        ("masks_ftv/ISPY1-1002.nii", ("mask", None)),
        ("masks_ftv/ISPY1_1002/1002.NII.GZ", ("mask", None)),
    ],
)
def test_variants_of_blobs(path: str, identity: tuple[str, int | None]) -> None:
    name = parse(path, PROFILE)
    assert (name.artefact, name.phase) == identity
    assert name.case_id == "ISPY1_1002"


@pytest.mark.parametrize(
    "path",
    [
        "ISPY1_1002.nii.gz",  # which set?
        "ISPY1_1002_DCE_0001.nii.gz",  # which images?
        f"{N3}/ISPY1_1003/ISPY1_1002_DCE_0001_N3.nii.gz",  # whose?
        "masks_ftv/ISPY1_1003/ISPY1_1002.nii.gz",
        f"{N3}/ISPY1_1002/ISPY1_1002_DCE_0003_N3.nii.gz",  # no such phase
        "masks_ftv/ISPY1_10020.nii.gz",
        "masks_ftv/ISPY1_1002.nii.gz\n",
        "masks_/ISPY1_1002.nii.gz",
        "masks_ftv/ISPY1_1002.nrrd",
        "ibsi/mask.nii.gz",
        "case_ids.csv",
    ],
)
def test_what_is_no_file_of_a_release(path: str) -> None:
    name = parse(path, PROFILE)
    assert name.artefact == "other"
    assert not is_known(name, PROFILE)


@pytest.mark.parametrize(
    ("file", "artefact", "target"),
    [
        ("ISPY_DataPaper_features (1).xlsx", "features", "ISPY_DataPaper_features.xlsx"),
        ("ispy_datapaper_features.csv", "features", "ISPY_DataPaper_features.csv"),
        (CLINICAL.replace(" ", "+"), "clinical", CLINICAL),
        (CLINICAL.replace(" ", "%20"), "clinical", CLINICAL),
        ("captk_parameter_file_ispy1.csv", "captk_parameters", "captk_parameter_file_ispy1.csv"),
        ("idc_series (2).parquet", "acquisitions", "idc_series.parquet"),
        ("any name.sums", "manifest", "any name.sums"),
        ("readme.TXT", "other", "README.txt"),
    ],
)
def test_names_that_a_browser_changed(file: str, artefact: str, target: str) -> None:
    name = parse(f"Downloads/{file}", PROFILE)
    assert name.artefact == artefact
    assert place_in_release(name, PROFILE) == target
    assert is_known(name, PROFILE)


def test_a_case_has_nine_blobs_in_nine_places() -> None:
    blobs = list_blobs_of_case("ISPY1_1002", PROFILE)
    assert len({blob.path for blob in blobs}) == 9
    assert all(parse(blob.path, PROFILE) == blob for blob in blobs)


@pytest.mark.parametrize("path", [".DS_Store", "a/._b.nii.gz", "__MACOSX/x/y.nii", "a/Thumbs.db"])
def test_litter(path: str) -> None:
    assert is_litter(path)
    assert not is_litter("masks_ftv/ISPY1_1002.nii.gz")
