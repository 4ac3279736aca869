"""Tables for people: what fits, what gives way, and what is never broken."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any, cast

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.model.errors import UserError
from etl.text import output
from etl.text.output import Result, View, describe_hidden, write
from etl.text.table import WRAPPED_ROWS, Layout, Texts, lay_out, page
from etl.text.values import format_line, shorten_cell, wrap_labelled, wrap_line

CASES = [f"ISPY1_{number}" for number in range(1001, 1161)]
LONG = "stv_manual_largest_component_max_diameter_mm"
PROSE = "a mask of this case has no voxel at all, which its profile does not allow; look at it"


def format_text_table(
    names: list[str], rows: list[list[Any]], width: int | None, texts: Texts = "fit"
) -> list[str]:
    return list(lay_out(names, rows, width, texts).lines())


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "find_width", lambda: 80)


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
    layout = lay_out(names, rows, 80)
    assert max(map(len, layout.lines())) <= 80
    assert all(line.startswith("ISPY1_100") for [line] in layout.rows)
    assert layout.hidden == tuple(names[len(layout.rows[0][0].split()) :])


def test_keys_and_numbers_come_before_hashes_lists_and_what_is_the_same() -> None:
    names = ["blob_md5", "dataset", "case_id", "mask", "stored_values", "note", "volume_cm3"]
    rows = [
        [f"{i:032x}", "ISPY1-PHANTOM", case, mask, [0, 255], PROSE, i / 7]
        for i, (case, mask) in enumerate((c, m) for c in CASES[:3] for m in ("ftv", "stv_manual"))
    ]
    layout = lay_out(names, rows, 45)
    assert layout.head[0].split()[:2] == ["case_id", "mask"]
    assert layout.rows[1][0].split()[:2] == ["ISPY1_1001", "stv_manual"]
    assert any(line.split() == ["ISPY1_1001", "stv_manual", "0.142857"] for line in layout.lines())
    assert set(layout.hidden) == {"blob_md5", "dataset", "stored_values", "note"}


def test_pages_hold_every_column_with_its_key() -> None:
    names, rows = wide(6, 14)
    pages = list(page(names, rows, 80))
    assert len(pages) > 1
    assert all(len(line) <= 80 for layout in pages for line in layout.lines())
    assert all(line.startswith(CASES[i]) for p in pages for i, [line] in enumerate(p.rows))
    cells = sum(len(layout.rows[0][0].split()) - 1 for layout in pages)
    assert cells == len(names) - 1


def test_a_page_of_keys_alone_is_a_page() -> None:
    (layout,) = page(["case_id"], [[case] for case in CASES[:3]], 80)
    assert [line for [line] in layout.rows] == CASES[:3]


def test_numbers_that_are_text_are_numbers_on_a_screen_alone() -> None:
    """As `summarize` gives them."""
    rows: list[list[Any]] = [["volume_cm3", "0.7576219512195121"], ["n", "1"], ["mask", None]]
    screen, pipe = (lay_out(["name", "avg"], rows, width) for width in (80, None))
    assert [line for [line] in screen.rows] == [
        "volume_cm3  0.757622", "n                  1", "mask               -"
    ]  # fmt: skip
    assert [line for [line] in pipe.rows] == [
        "volume_cm3  0.7576219512195121", "n           1", "mask        -"
    ]  # fmt: skip


def test_a_list_in_text_is_rounded_before_it_is_cut() -> None:
    layout = lay_out(["name", "max"], [["a", "[0.0, 1.0000000591389835]"]] * 2, 18)
    assert [line for [line] in layout.rows] == ["a     [0.0, 1]"] * 2


def test_summarize_shows_mean_and_null_share_first(capsys: pytest.CaptureFixture[str]) -> None:
    with duckdb.connect() as connection:
        answer = connection.execute("summarize select 1 as n, 'x' as x")
        result = SimpleNamespace(
            columns=tuple(name for name, *_ in answer.description), rows=answer.fetchall
        )
        write(cast("Result", result), "table", None)
    assert capsys.readouterr().out.split()[:3] == ["column_name", "avg", "null_percentage"]


def test_the_case_of_a_row_is_never_left_out() -> None:
    names = ["severity", "rule", "observed", "cases"]
    rows = [["warning", LONG + str(i % 7), PROSE, CASES[i : i + 9]] for i in range(14)]
    layout = lay_out(names, rows, 60)
    assert "cases" in layout.head[0]
    assert "observed" in layout.hidden
    assert max(map(len, layout.lines())) <= 60


def test_what_is_hidden_is_counted_and_the_command_said() -> None:
    rows, columns = describe_hidden(40, 163, ["path", "blob_md5"], 9, has_view=True)
    assert rows.startswith("123 more rows of 163: --limit 163, or `--format csv --output FILE`")
    assert columns.startswith("2 more columns of 9 (path, blob_md5): --columns all")
    assert describe_hidden(3, 3, ["path"], 9, has_view=False) == [
        "1 more column of 9 (path): --format csv."
    ]


def test_few_rows_are_turned() -> None:
    names, rows = wide(2)
    lines = format_text_table(names, rows, 80)
    assert [line.split()[0] for line in lines] == names
    assert lines[0].split() == ["case_id", *CASES[:2]]
    assert {line.rindex("1234.5") for line in lines[1:]} == {len(lines[0]) - 6}


def test_few_rows_of_long_names_are_not_turned_where_they_do_not_fit() -> None:
    names = ["case_id", *(LONG + str(i) for i in range(9))]
    layout = lay_out(names, [[CASES[i], *[1.5] * 9] for i in range(4)], 80)
    assert layout.hidden
    assert all(len(line) <= 80 for line in layout.lines())


def test_a_header_breaks_behind_its_underscores() -> None:
    lines = list(format_text_table(["case_id", LONG], [["ISPY1_1001", 12.5]] * 6, 40))
    assert len(lines) > 2 + 6
    words = [line[12:].strip() for line in lines[:-7]]
    assert "".join(words) == LONG


def test_long_texts_wrap_in_short_tables_and_are_cut_in_long_ones() -> None:
    short = list(format_text_table(["case_id", "note"], [[CASES[0], PROSE]] * 3, 60))
    assert " ".join(" ".join(line[12:].split()) for line in short[2:]) == " ".join([PROSE] * 3)
    rows = [[case, PROSE] for case in CASES[: WRAPPED_ROWS + 1]]
    long = list(format_text_table(["case_id", "note"], rows, 60))
    assert len(long) == 2 + len(rows)
    assert all(line.endswith("…") for line in long[2:])
    assert max(map(len, long)) <= 60


def test_a_whole_table_leaves_nothing_out() -> None:
    names, rows = wide(40)
    text = "\n".join(format_text_table(names, [[*row[:-1], PROSE] for row in rows], 60, "whole"))
    assert all(case in text for case in CASES[:40])
    assert "…" not in text


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


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1e300, "1e+300"), (-1.5e15, "-1.5e+15"), (123456789012345.0, "123456789012345.0"),
        (1234567.25, "1234567.2"), (0.00012, "0.00012"), (0.000012, "1.2e-05"), (0.0, "0"),
    ],
)  # fmt: skip
def test_a_number_keeps_its_digits_unless_they_are_no_longer_read(value: float, shown: str) -> None:
    assert format_line(value) == shown


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


@pytest.mark.usefixtures("terminal")
def test_columns_and_rows_can_be_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    names, rows = wide(60)
    output.print_table(names, rows)
    assert "20 more rows of 60" in capsys.readouterr().out
    output.print_table(names, rows, View("*_3_*,CASE_ID", 50))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == [names[4], "case_id"]
    assert lines[-1].startswith("10 more rows of 60: --limit 60")
    output.print_table(names, rows, View("all"))
    assert capsys.readouterr().out.count("case_id") > 1
    with pytest.raises(UserError, match="--columns case: no such column"):
        output.print_table(names, rows, View("case"))


@pytest.mark.usefixtures("terminal")
def test_a_list_has_a_line_a_row_and_says_how_to_get_the_rest(
    capsys: pytest.CaptureFixture[str],
) -> None:
    output.print_list(("name", "meaning"), [(LONG, PROSE)] * 3, command="ispy1 describe --all")
    lines = capsys.readouterr().out.splitlines()
    assert all(line.startswith(LONG) and line.endswith("…") for line in lines[2:5])
    assert lines[5:] == ["Whole texts: `ispy1 describe --all`"]
    output.print_list(("name", "meaning"), [(LONG, PROSE)] * 3, command="", whole=True)
    assert "…" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("short", 9, "short"),
        ("a mask of this case has no voxel", 20, "a mask of this case…"),
        ("a mask of this case has no voxel", 19, "a mask of this…"),
        ("02ab48bcbd863a80", 9, "02ab48bc…"),
        ("images_zscored/ISPY1_1001/x.nii.gz", 24, "…/ISPY1_1001/x.nii.gz"),
        ("images_zscored/ISPY1_1001/x.nii.gz", 5, "x.ni…"),
    ],
)
def test_a_cut_is_at_a_word_or_a_folder(text: str, width: int, shown: str) -> None:
    assert shorten_cell(text, width) == shown


def test_a_line_wraps_between_words() -> None:
    lines = wrap_line(f"found     {PROSE} {LONG}{LONG}", 60, 10).splitlines()
    assert " ".join(" ".join(lines).split()) == f"found {PROSE} {LONG}{LONG}"
    assert all(line.startswith(" " * 10) for line in lines[1:])
    assert all(len(line) <= 60 for line in lines[:-1])
    assert wrap_line(PROSE, None) == PROSE
    path = f"data/{'x' * 20}/{'y' * 20}.nii.gz"
    folders, name = path.rsplit("/", 1)
    assert wrap_line(f"found {path} of 2", 30, 2).splitlines() == [
        "found data/", f"  {folders[5:]}/", f"  {name}", "  of 2"
    ]  # fmt: skip


def test_text_stands_below_text_not_below_its_label() -> None:
    lines = wrap_labelled(f"to commit  {PROSE}", 40).splitlines()
    assert [line[:11].strip() for line in lines] == ["to commit", *[""] * (len(lines) - 1)]
    assert wrap_labelled("   none", 40) == "   none"
    assert wrap_line("Do what it says: `ispy1 repro`.", 25) == "Do what it says:\n`ispy1 repro`."


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
    layouts: list[Layout] = [lay_out(names, rows, width), *page(names, rows, width)]
    lines = [line for layout in layouts for line in layout.lines()]
    assert all(len(line) <= width for line in lines)
    known = {*CASES, "T1_E_Intensity_Mean"}
    for word in re.findall(r"\b(?:ISPY1|T1_E)\w*(?!\w*…)", "\n".join(lines)):
        assert word in known
