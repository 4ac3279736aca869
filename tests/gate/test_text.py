"""What the gate said, in words: lists are short, and still exact."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from etl.gate import text
from etl.gate.report import NOTHING, Contract, Failing, GateReport, _parse_failing, format_headline
from etl.gate.text import format_list, group

IMAGES = "images_bias-corrected_nifti"
MASKS = Contract(
    suite="coverage",
    expectation_id="1-2",
    expectation="Every case has a mask",
    column="mask_found",
    severity="critical",
    success=False,
    n_checked=9,
    n_failed=1,
    observed="1 of 9: missing",
    failing=(Failing("ISPY1_1002", "masks_ftv/ISPY1_1002.nii.gz"),),
    fix="Adopt it.",
)
EMPTY = replace(
    MASKS, suite="images", expectation="There is an image to judge", column=None, n_checked=0,
    n_failed=0, observed=NOTHING, failing=(),
)  # fmt: skip


def image(case: str, phase: int) -> Failing:
    return Failing(case, f"{IMAGES}/{case}/{case}_DCE_{phase:04d}_N3.nii.gz")


def missing(n_cases: int) -> tuple[Failing, ...]:
    """Two masks and three images a case: five files."""
    ids = [f"ISPY1_{1001 + n}" for n in range(n_cases)]
    return tuple(
        entry
        for c in ids
        for entry in (
            *(Failing(c, f"masks_{m}/{c}.nii.gz") for m in ("ftv", "stv_manual")),
            *(image(c, phase) for phase in range(3)),
        )
    )


def said(
    *contracts: Contract, verdict: bool = False, terminal: bool = False, whole: bool = False
) -> list[str]:
    console = Console(force_terminal=terminal, width=80, color_system=None)
    show = text.show_verdict if verdict else partial(text.show, whole=whole)
    with console.capture() as capture:
        show(GateReport(contracts), console)
    return capture.get().splitlines()


def expanded(entries: Sequence[Failing]) -> list[str]:
    """The entries that the groups stand for, as a reader would expand them."""
    found = []
    for g in group(entries):
        parts = [part.split(",") for part in re.findall(r"\{([^}]*)\}", g.text)] or [[""]]
        shape = re.sub(r"\{[^}]*\}", "{}", g.text)
        texts = [shape.format(*chosen) for chosen in itertools.product(*parts)]
        for case in g.cases:
            found += [f"{case}: {t}".replace("\0", case) if t else case for t in texts]
    return sorted(found)


def mask(case: str, name: str, suffix: str) -> Failing:
    return Failing(case, f"masks_{name}/{case}.nii{suffix}")


ENTRY = st.one_of(
    st.builds(image, st.sampled_from(["ISPY1_1002", "ISPY1_1159"]), st.integers(0, 11)),
    st.builds(
        mask,
        st.sampled_from(["ISPY1_1002", "ISPY1_1159", "ISPY1_1173"]),
        st.sampled_from(["ftv", "stv2", "stv10"]),
        st.sampled_from(["", ".gz"]),
    ),
    st.builds(Failing, st.sampled_from(["a", "b"]), st.integers(0, 12).map("axis {}".format)),
    st.sampled_from(
        ["ISPY1_1002", "ISPY1_9099 (outcomes)", "a b.xlsx", "x/y: z 1", "stv_manual"]
    ).map(Failing),
)


@given(st.lists(ENTRY, unique=True))
def test_a_group_stands_for_exactly_its_entries(entries: list[Failing]) -> None:
    assert expanded(entries) == sorted(map(str, entries))
    assert [_parse_failing(str(entry)) for entry in entries] == entries


def test_phases_and_cases_are_folded() -> None:
    assert format_list([image("ISPY1_1002", n) for n in range(3)], "") == [
        f"  - {IMAGES}/ISPY1_1002/ISPY1_1002_DCE_000{{0,1,2}}_N3.nii.gz"
    ]
    assert format_list(missing(2)[::5], "") == [
        "  - masks_ftv/<case>.nii.gz of ISPY1_1001, ISPY1_1002"
    ]
    assert format_list([Failing("ISPY1_1002", "axis 2")], "") == ["  - ISPY1_1002: axis 2"]


def test_a_path_is_never_wrapped() -> None:
    lines = format_list(missing(9), "")
    assert f"  - {IMAGES}/<case>/<case>_DCE_000{{0,1,2}}_N3.nii.gz of" in lines
    assert all(len(line) <= 100 for line in lines)
    assert "ISPY1_1009" in lines[-1]


@pytest.mark.parametrize("n", [20, 21, 160])
def test_a_list_ends_somewhere_and_says_how_to_get_the_rest(n: int) -> None:
    lines = format_list([Failing(f"ISPY1_{1000 + i}") for i in range(n)], "ispy1 sql ...")
    assert sum(line.count("ISPY1_") for line in lines) == 20
    if n > 20:
        assert f"and {n - 20} more" in " ".join(lines)
        assert lines[-1] == f"  - all {n}: ispy1 sql ..."
    entries = [Failing(f"ISPY1_{1000 + i} (outcomes)") for i in range(n)]
    spaced = format_list(entries, "ispy1 sql ...")
    assert sum("(outcomes)" in line for line in spaced) == 20


def test_many_kinds_end_somewhere() -> None:
    kinds = [chr(97 + n) for n in range(26)]
    lines = format_list([Failing("ISPY1_1002", kind) for kind in kinds], "ispy1 sql ...")
    assert lines[20:] == ["  - all 26: ispy1 sql ..."]


def test_the_verdict_spells_out_few_missing_files_and_folds_many() -> None:
    few = said(replace(MASKS, failing=missing(6), n_failed=30), verdict=True)
    paths = [path for _, path in sorted(missing(6))]
    assert [line.removeprefix("  - ") for line in few if line.startswith("  - ")] == paths
    many = said(replace(MASKS, failing=missing(163), n_failed=815), verdict=True)
    assert "815 files are missing:" in many
    assert any(text.ALL_MISSING in line for line in many)
    assert len(many) < 20


def test_the_verdict_is_short_and_the_gate_has_the_details() -> None:
    mismatch = replace(
        MASKS, suite="blobs", expectation="No file has another MD5", column="verdict",
        observed="MD5 1", fix="Download it.",
    )  # fmt: skip
    warning = replace(mismatch, severity="warning", expectation="Only a warning")
    lines = said(mismatch, warning, EMPTY, verdict=True)
    assert lines == [
        "critical  blobs: No file has another MD5: 1 of 9: masks_ftv/ISPY1_1002.nii.gz",
        "critical  images: nothing to judge for 1 contract(s)",
        format_headline(GateReport((mismatch, warning, EMPTY))),
        "Details: ispy1 gate, reports/card.md",
        text.CLOSING,
    ]
    details = said(mismatch, warning, EMPTY)
    assert "  fix: Download it." in details
    assert "  observed: MD5 1" in details
    assert "critical  images: there is no image to judge (all its 1 contracts)" in details


def test_a_terminal_gets_a_few_lines_a_contract() -> None:
    path = f"images_bias-corrected_resampled_zscored_nifti/ISPY1_1002/{'x' * 40}.nii.gz"
    broken = replace(
        MASKS, suite="features", observed="9 of 9: " + ", ".join(f"feature_{n}" for n in range(90)),
        failing=(Failing(path), *(Failing(f"ISPY1_{1002 + n}", f"kind {n} x") for n in range(40))),
        fix="Look at the images of all these cases inside the mask; run `ispy1 repro --force`.",
    )  # fmt: skip
    lines = said(replace(broken, fix="Look\x1b[2J."), *[broken] * 11, terminal=True)
    assert "  fix: Look [2J." in lines
    assert len(lines) < 70
    assert max(map(len, lines)) <= 80
    assert lines[0].startswith("red: ")
    assert lines[-1] == "4 more broken contracts (4 critical): `ispy1 gate --all`"
    assert sum(line.endswith("…") for line in lines) == text.SCREEN_CONTRACTS
    assert f"  - …/ISPY1_1002/{'x' * 40}.nii.gz" in lines
    assert "    `ispy1 repro --force`." in lines
    everything = " ".join(" ".join(said(*[broken] * 12, terminal=True, whole=True)).split())
    everything = everything.replace("/ ", "/")
    assert everything.count(f"- {path}") == everything.count("feature_89") == 12


def test_the_verdict_of_a_terminal_wraps_between_words() -> None:
    lines = said(
        *[replace(MASKS, suite="blobs", column="verdict")] * 20, verdict=True, terminal=True
    )
    assert max(map(len, lines)) <= 80
    assert "critical  8 more contracts: `ispy1 gate --all`" in lines


def test_a_contract_that_did_not_run_is_named() -> None:
    broken = replace(MASKS, n_checked=0, n_failed=0, failing=(), observed="did not run")
    assert "critical  coverage: Every case has a mask: did not run" in said(broken, verdict=True)
    assert any("did not run for 1 of its 1 contracts" in line for line in said(broken))


def test_a_green_verdict_is_its_headline() -> None:
    green = replace(MASKS, success=True, failing=())
    assert said(green, verdict=True) == [format_headline(GateReport((green,)))]


def test_the_headline_tells_broken_from_empty() -> None:
    assert format_headline(GateReport((MASKS, EMPTY, EMPTY))) == (
        "red: 1 of 3 contracts judged; broken: 1 critical; "
        "2 with nothing to judge (their input is missing)"
    )
    assert format_headline(GateReport((EMPTY,))) == (
        "red: 0 of 1 contracts judged; broken: none; "
        "1 with nothing to judge (their input is missing)"
    )
    assert GateReport((MASKS, EMPTY)).summary()["n_nothing_to_judge"] == 1
