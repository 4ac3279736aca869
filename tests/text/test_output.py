"""Tables for people: what fits, what gives way, and what is never broken."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.text import output
from etl.text.output import format_text_table

CASES = [f"ISPY1_{number}" for number in range(1001, 1161)]
LONG = "stv_manual_largest_component_max_diameter_mm"
PROSE = "a mask of this case has no voxel at all, which its profile does not allow; look at it"


def wide(n_rows: int, n_columns: int = 12) -> tuple[list[str], list[list[Any]]]:
    names = ["case_id", *(f"measured_volume_{i}_cm3" for i in range(n_columns - 1))]
    return names, [[CASES[i], *[1234.5] * (n_columns - 1)] for i in range(n_rows)]


def test_a_pipe_gets_every_column_on_full_lines() -> None:
    names, rows = wide(3)
    names, rows = [*names, "note"], [[*row, PROSE] for row in rows]
    lines = list(format_text_table(names, rows, None))
    assert len(lines) == 2 + len(rows)
    assert lines[0].split() == names
    assert all(line.endswith(PROSE) for line in lines[2:])


def test_many_rows_leave_columns_out_and_say_so() -> None:
    names, rows = wide(6, 14)
    *lines, note = format_text_table(names, rows, 80)
    assert max(map(len, lines)) <= 80
    assert all(line.startswith("ISPY1_100") for line in lines[-6:])
    shown = len(lines[-1].split())
    assert note == f"{len(names) - shown} more columns: --format csv, or select fewer."


def test_few_columns_left_out_are_named() -> None:
    *_, note = format_text_table(["a", "b"], [["x" * 30, "y" * 30]] * 6, 40)
    assert note == "1 more column (b): --format csv, or select fewer."


def test_few_rows_become_a_line_a_value() -> None:
    names, rows = wide(2)
    lines = list(format_text_table(names, rows, 80))
    assert lines.count("") == 1
    assert [line.split(":")[0] for line in lines[: len(names)]] == names
    assert re.fullmatch(r"case_id: +ISPY1_1001", lines[0])


def test_a_header_breaks_behind_its_underscores() -> None:
    lines = list(format_text_table(["case_id", LONG], [["ISPY1_1001", 12.5]] * 6, 40))
    assert len(lines) > 2 + 6
    words = [line[12:].strip() for line in lines[:-7]]
    assert "".join(words) == LONG
    assert not any("more column" in line for line in lines)


def test_long_texts_wrap_in_short_tables_and_are_cut_in_long_ones() -> None:
    short = list(format_text_table(["case_id", "note"], [[CASES[0], PROSE]] * 3, 60))
    assert " ".join(" ".join(line[12:].split()) for line in short[2:]) == " ".join([PROSE] * 3)
    rows = [[case, PROSE] for case in CASES[: output.WRAPPED_ROWS + 1]]
    long = list(format_text_table(["case_id", "note"], rows, 60))
    assert len(long) == 2 + len(rows)
    assert all(line.endswith("…") for line in long[2:])
    assert max(map(len, long)) <= 60


def test_a_whole_table_leaves_nothing_out() -> None:
    names, rows = wide(40)
    text = "\n".join(format_text_table(names, [[*row[:-1], PROSE] for row in rows], 60, whole=True))
    assert all(case in text for case in CASES[:40])
    assert "…" not in text
    assert "more column" not in text


def test_lists_show_their_first_values() -> None:
    lines = list(
        format_text_table(["rule", "cases"], [["missing", CASES], ["odd", CASES[:2]]], None)
    )
    assert lines[2].endswith("ISPY1_1001, ISPY1_1002 and 158 more")
    assert lines[3].endswith("ISPY1_1001, ISPY1_1002")
    narrow = list(format_text_table(["rule", "cases"], [["missing", CASES]] * 6, 34))
    assert narrow[2].endswith("ISPY1_1001 and 159 more")


@pytest.mark.parametrize(("value", "shown"), [(None, "-"), ([], "-"), ([None, 1], "-, 1")])
def test_what_is_not_there_is_shown(value: object, shown: str) -> None:
    assert list(format_text_table(["a"], [[value]], None))[-1] == shown


def test_text_cannot_move_the_cursor() -> None:
    lines = list(format_text_table(["a"], [["x\x1b[2J\ny\t"]], None))
    assert lines[-1] == "x [2J y"


def test_no_rows_is_a_header() -> None:
    assert list(format_text_table(["a", "b"], [], 80)) == ["a  b", "─  ─"]


def test_the_terminal_decides_the_width(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names, rows = wide(8)
    output.print_table(names, rows)
    assert names[-1] in capsys.readouterr().out
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    output.print_table(names, rows)
    assert "more columns" in capsys.readouterr().out


cells = st.one_of(
    st.none(),
    st.integers(-(10**6), 10**6),
    st.sampled_from(["ISPY1_1002", "T1_E_Intensity_Mean", PROSE, "left"]),
    st.lists(st.sampled_from(CASES), max_size=50),
)


@given(st.integers(1, 9).flatmap(lambda n: st.lists(st.tuples(*[cells] * n), max_size=8)),
       st.integers(60, 200))  # fmt: skip
def test_no_line_is_too_wide_and_no_word_is_broken(rows: list[tuple[Any, ...]], width: int) -> None:
    names = [f"column_{i}" for i in range(len(rows[0]) if rows else 1)]
    lines = list(format_text_table(names, rows, width))
    assert all(len(line) <= width for line in lines if "more column" not in line)
    known = {*CASES, "T1_E_Intensity_Mean"}
    for word in re.findall(r"\b(?:ISPY1|T1_E)\w*", "\n".join(lines)):
        assert word in known
