"""Which case the picture shows."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from support import ROOT, Row

from etl.ask.card.choose import Case, choose_case, list_cases
from etl.model.profile import load_profile
from etl.model.release import Name
from etl.tables.unit import Blob

SETS = ("ftv", "stv_resunet", "stv_manual")
ROLES = load_profile(ROOT, "phantom").sets


def image(case: str, phase: int = 1, image_set: str = "zscored") -> Blob:
    path = f"{image_set}/{case}_{phase}.nii.gz"
    return Blob(Name(path, f"image_{image_set}", case_id=case, phase=phase), "0" * 32, 1)


def mask(case: str, volume: float, name: str = "stv_manual") -> Row:
    count = int(volume * 1000)
    centroid = 0.0 if count else None
    return {"case_id": case, "mask": name, "volume_cm3": volume, "centroid_r_mm": centroid}


def choose(images: list[Blob], rows: list[Row]) -> Case:
    case = choose_case(list_cases(images, rows, SETS, ROLES).values())
    assert case is not None
    return case


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=30, unique=True))
def test_the_lower_median_is_chosen(volumes: list[int]) -> None:
    rows = [mask(f"ISPY1_{number:04}", v / 1000) for number, v in enumerate(volumes)]
    chosen = choose([image(str(row["case_id"])) for row in rows], rows)
    below = sum(v / 1000 < chosen.volume_cm3 for v in volumes)
    assert below == (len(volumes) - 1) // 2


def test_a_case_that_has_most_is_chosen() -> None:
    rows = [mask(c, v) for c, v in (("A", 1), ("B", 2), ("C", 3), ("D", 4))]
    rows += [mask("D", 4, "ftv"), mask("A", 1, "ftv")]
    images = [image("A"), image("B"), image("D", image_set="n3")]
    assert choose(images, rows).case_id == "A"
    assert choose(images[1:], rows).case_id == "B"
    assert choose(images[2:], rows).case_id == "D"
    assert choose([], rows).case_id == "A"


def test_an_empty_expert_mask_is_no_reference() -> None:
    rows = [mask("A", 0.0), mask("A", 2.0, "ftv"), mask("B", 1.0)]
    assert choose([], rows).case_id == "B"
    assert choose([], rows[:2]).reference == rows[1]


def test_the_first_post_contrast_phase_is_preferred() -> None:
    images = [image("A", 0), image("A", 2), image("A", 1, "n3"), image("A", 1)]
    assert choose(images, []).image == image("A", 1)
    assert choose(images[:3], []).image == image("A", 2)
    assert choose_case([]) is None


def test_the_images_of_a_case_are_of_one_set() -> None:
    images = [image("A", 0), image("A", 1, "n3"), image("A", 2), image("B", 1, "n3")]
    cases = list_cases(images, [], SETS, ROLES)
    assert cases["A"].images == {0: images[0], 2: images[2]}
    assert cases["B"].images == {1: images[3]}
