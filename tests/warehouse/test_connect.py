"""The warehouse: what connect() holds, that all is documented, that views say the truth."""

from __future__ import annotations

import json
import random
import re
import shutil
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st
from made.small import ask, make_project
from support import ROOT

import etl
from etl.model import git_tables
from etl.model.errors import UserError
from etl.model.profile import load_profile
from etl.warehouse import connect, dictionary, feature_matrix, views
from etl.warehouse.snapshot import take_working_tree

VIEWS = views.read_sql(ROOT / "sql" / "views")
MACROS = views.read_sql(ROOT / "sql" / "macros")


def test_every_view_and_column_is_documented(db: duckdb.DuckDBPyConnection) -> None:
    blank = "select table_name, column_name from duckdb_columns() where not internal"
    assert ask(db, f"{blank} and coalesce(comment, '') = ''") == []
    tables = "select table_name, comment from duckdb_tables() where not internal union all "
    views_too = "select view_name, comment from duckdb_views() where not internal"
    assert all("Grain: " in comment for _, comment in ask(db, tables + views_too))


def test_a_notebook_shows_an_answer_as_a_table(db: duckdb.DuckDBPyConnection) -> None:
    """DuckDB's own: cells are data, rows are counted, and notebooks align the class right."""
    answer = db.sql("select '<b>' as mask, volume_cm3 from masks cross join range(5)")
    page = answer._repr_mimebundle_()["text/html"]
    assert page.startswith('<table class="dataframe">')
    assert "<td>&lt;b&gt;</td>" in page
    assert "10 of 40 rows" in page


@pytest.mark.parametrize("name", sorted(VIEWS))
def test_header_names_the_columns_in_order(db: duckdb.DuckDBPyConnection, name: str) -> None:
    actual = [column[0] for column in db.execute(f"from {name} limit 0").description or ()]
    documented = list(views.parse_doc(name, VIEWS[name]).columns)
    if views.EVERY_OTHER in documented:
        at, n_more = documented.index(views.EVERY_OTHER), len(actual) - len(documented)
        documented[at : at + 1] = actual[at : at + n_more + 1]
    assert actual == documented


@pytest.mark.parametrize("name", sorted(MACROS))
def test_a_macro_documents_its_parameters_and_columns(
    db: duckdb.DuckDBPyConnection, name: str
) -> None:
    doc = views.parse_doc(name, MACROS[name], "sql/macros")
    relation = dictionary.find(db, name)
    facts = dictionary.list_facts(db, relation)
    assert relation.sql_name == f"{name}({', '.join(doc.parameters)})"
    assert [fact.name for fact in facts] == [*doc.parameters, *doc.columns]
    parameters = dictionary.as_json(db, relation)["parameters"]
    assert [parameter["name"] for parameter in parameters] == list(doc.parameters)
    assert all(fact.meaning for fact in facts)
    assert (relation.purpose, relation.grain) == (doc.purpose, doc.grain)
    used = re.sub(r"--.*", "", MACROS[name])
    assert all(re.search(rf"\b{parameter}\b", used) for parameter in doc.parameters)


@pytest.mark.parametrize("name", sorted(VIEWS))
def test_key_of_a_view_is_a_key(db: duckdb.DuckDBPyConnection, name: str) -> None:
    key = ", ".join(views.parse_doc(name, VIEWS[name]).key)
    if key:
        rows, distinct = ask(db, f"select count(*), count(distinct ({key})) from {name}")[0]
        assert rows == distinct > 0


def test_views_work_on_empty_tables(tmp_path: Path) -> None:
    db = etl.connect(make_project(tmp_path / "p", empty=True))
    for name in VIEWS:
        db.execute(f"from {name}").fetchall()
    assert ask(db, "select mask, coverage from label_summary")[0] == ("ftv", None)


def test_coverage_is_case_by_item(db: duckdb.DuckDBPyConnection) -> None:
    assert ask(db, "select count(*), count(distinct case_id) from coverage") == [(60, 5)]
    lacking = ask(
        db, "select item from coverage where case_id = 'ISPY1_9004' and not is_present order by 1"
    )
    assert [row[0] for row in lacking] == [
        *("features", "image_n3_0", "image_n3_1", "image_n3_2"),
        *("mask_ftv", "mask_stv_resunet", "outcomes"),
    ]


def test_label_summary_knows_empty_masks_and_own_sets(db: duckdb.DuckDBPyConnection) -> None:
    rows = {row[0]: row[1:] for row in ask(db, "from label_summary")}
    assert rows == {
        "ftv": (True, 2, 1, 0.2, 4.0, 4.0, 4.0),
        "stv_manual": (True, 3, 3, 0.6, 2.0, 5.0, 9.0),
        "stv_resunet": (True, 2, 2, 0.4, 1.0, 3.5, 6.0),
        "mine": (False, 1, 1, 0.2, 8.0, 8.0, 8.0),
    }


def test_cohort_loses_no_case_and_adds_none(db: duckdb.DuckDBPyConnection) -> None:
    assert [row[0][-4:] for row in ask(db, "select case_id from cohort")] == [
        *("9001", "9002", "9003", "9004", "9005"),
    ]


def test_modelling_says_why_a_case_is_left_out(db: duckdb.DuckDBPyConnection) -> None:
    sql = "select pcr_exclusion_reason, rfs_exclusion_reason, fold from modelling order by case_id"
    outcomes = "no row in the outcomes sheet"
    assert ask(db, sql) == [
        (None, None, 3),
        (None, None, None),
        ("pcr is unknown", "no expert mask", None),
        (outcomes, outcomes, None),
        (outcomes, outcomes, None),
    ]


def test_volumes_and_their_ratios(db: duckdb.DuckDBPyConnection) -> None:
    sql = """
    select ftv_cm3, stv_manual_cm3, ftv_to_manual_ratio, resunet_to_manual_ratio, published_cm3
    from volumes where case_id <= 'ISPY1_9003' order by case_id"""
    assert ask(db, sql) == [
        (4.0, 5.0, 0.8, 1.2, 9.0035),
        (0.0, 2.0, 0.0, 0.5, 9.0045),
        (None, None, None, None, 9.0055),
    ]


def test_agreement_by_pair(db: duckdb.DuckDBPyConnection) -> None:
    pairs = "select distinct mask_a, mask_b, n_pairs, n_known from agreement_summary"
    assert set(ask(db, pairs)) == {
        ("ftv", "stv_manual", 2, 1),  # the FTV of 9002 is empty
        ("ftv", "stv_resunet", 2, 1),
        ("stv_manual", "stv_resunet", 2, 2),
        ("stv_manual", "mine", 1, 1),
    }
    quartiles = "select value_min, value_p25, value_median, value_p75, value_max"
    of = "from agreement_summary where mask_b = 'stv_resunet' and mask_a = 'stv_manual'"
    assert ask(db, f"{quartiles} {of} and measure = 'dice'") == [
        pytest.approx((0.5, 0.6, 0.7, 0.8, 0.9))
    ]
    assert ask(db, f"{quartiles} {of} and measure = 'hausdorff95_mm'") == [(2, 3, 4, 5, 6)]
    assert ask(db, f"{quartiles} {of} and measure = 'assd_mm'") == [(0.5, 0.75, 1, 1.25, 1.5)]
    ratios = (5 / 6, 5 / 6 + 7 / 24, 17 / 12, 2 - 7 / 24, 2)
    assert ask(db, f"{quartiles} {of} and measure = 'volume_ratio'") == [pytest.approx(ratios)]
    order = ask(db, "select mask_a, mask_b from agreement_summary where measure = 'dice'")
    assert order[0] == ("ftv", "stv_manual")
    assert order[-1] == ("stv_manual", "mine")  # a user's own set comes last


def test_the_worst_agreement_comes_first(db: duckdb.DuckDBPyConnection) -> None:
    columns = "select place, case_id, dice from agreement_worst"
    found = ask(db, f"{columns} where mask_a = 'stv_manual' and mask_b = 'stv_resunet'")
    assert found == [(1, "ISPY1_9002", 0.5), (2, "ISPY1_9001", 0.9)]
    assert ask(db, f"{columns} where mask_b = 'mine'") == [(1, "ISPY1_9004", 0.8)]
    assert ask(db, f"{columns} where mask_a = 'ftv' and case_id = 'ISPY1_9002'") == []


def test_agreement_by_size_and_scanner(db: duckdb.DuckDBPyConnection) -> None:
    """Each pair has a size and a scanner of its own: its row is the pair."""
    scanners = dict(ask(db, "select case_id, manufacturer from scanner_by_case"))
    columns = "volume_third, manufacturer, n_known, volume_max_cm3, dice_median, assd_median_mm"
    found = ask(db, f"select mask_a, mask_b, {columns} from agreement_by_volume_and_scanner")
    expected = [
        ("ISPY1_9001", "ftv", "stv_manual", 2, 5.0, 0.7, 1.0),
        ("ISPY1_9001", "ftv", "stv_resunet", 2, 5.0, 0.6, 2.0),
        ("ISPY1_9004", "stv_manual", "mine", 3, 9.0, 0.8, 0.75),
        ("ISPY1_9002", "stv_manual", "stv_resunet", 1, 2.0, 0.5, 1.5),
        ("ISPY1_9001", "stv_manual", "stv_resunet", 2, 5.0, 0.9, 0.5),
    ]
    assert found == [
        (a, b, third, scanners.get(case) or "unknown", 1, volume, dice, assd)
        for case, a, b, third, volume, dice, assd in expected
    ]


def test_phase_scale_shows_the_scale_of_each_phase(db: duckdb.DuckDBPyConnection) -> None:
    found = ask(db, "select case_id, phase, relative_slope, is_stretched from phase_scale")
    assert [(case, phase) for case, phase, _, _ in found] == [
        (f"ISPY1_{number}", phase) for number in (9001, 9002, 9003) for phase in range(3)
    ]
    said = {case: is_stretched for case, _, _, is_stretched in found}
    assert said == {"ISPY1_9001": False, "ISPY1_9002": True, "ISPY1_9003": None}
    assert [slope for case, _, slope, _ in found if case == "ISPY1_9002"] == pytest.approx(
        [2.0, 1.0, 1.5]
    )
    joined = "select n3_intensity_max from phase_scale where case_id = 'ISPY1_9001' and phase = 2"
    assert ask(db, joined) == [(12.0,)]


def test_case_counts(db: duckdb.DuckDBPyConnection) -> None:
    counts = dict(ask(db, "select name, n from case_counts"))
    expected = {
        "in_release_cases": 5,
        "complete_cases": 2,
        "zscored_images": 12,
        "n3_images": 9,
        "all_masks_cases": 2,
        "all_masks_nonempty_cases": 1,
        "features_cases": 4,
        "features_hr_cases": 2,
        "trial_subjects": 6,
        "zscored_slices": 3 * (100 + 120 + 140 + 160),
        "features_hr_zscored_slices": 3 * (100 + 120),
        "image_and_mask_files": 28,
        "idc_subjects": 5,
        "idc_studies": 10,
        "idc_series": 32,
    }
    assert {name: counts[name] for name in expected} == expected
    assert ask(db, "from slice_count") == [(counts["zscored_slices"], 12, 4)]


def test_claims_are_not_judged_on_another_data_set(db: duckdb.DuckDBPyConnection) -> None:
    assert ask(db, "select count(*), count(is_confirmed), count(n) from claims") == [(10, 0, 10)]


@pytest.mark.parametrize(
    ("n_expected", "verdicts"),
    [(2, [True, False]), (3, [None, None])],
    ids=["complete", "9003 has no mask"],
)
def test_claims_are_judged_where_nothing_is_lacking(
    tmp_path: Path, n_expected: int, verdicts: list[bool | None]
) -> None:
    root = make_project(tmp_path / "p", views=("claims", "case_counts", "coverage"))
    params = root / "params.yaml"
    params.write_text(re.sub(r"(?m)^  cases: \d+", f"  cases: {n_expected}", params.read_text()))
    claims = root / "sql" / "claims.csv"
    claims.write_text(
        claims.read_text().splitlines()[0]
        + "\n1,ISPY1-PHANTOM,5,cases,me,in_release_cases,-\n2,ISPY1-PHANTOM,6,cases,me,hr_cases,-\n"
    )
    rows = ask(etl.connect(str(root)), "select is_confirmed from claims order by claim_id")
    assert [row[0] for row in rows] == verdicts


def test_problems_unite_findings_and_contracts(db: duckdb.DuckDBPyConnection) -> None:
    assert ask(db, "select source, severity, cases, expected is null from problems") == [
        ("finding", "critical", ["ISPY1_9004"], False),
        ("contract", "warning", ["ISPY1_9003", "ISPY1_9004"], True),
        ("finding", "info", [], False),
    ]


def test_case_files_hold_own_masks(db: duckdb.DuckDBPyConnection) -> None:
    sql = "select own_mask_paths, mask_ftv_path from case_files where case_id = 'ISPY1_9004'"
    assert ask(db, sql) == [({"mine": "masks_mine/ISPY1_9004.nii.gz"}, None)]


def test_resolution_takes_each_axis_alone(db: duckdb.DuckDBPyConnection) -> None:
    assert ask(db, "select statistic, spacing_z_mm, size_z from resolution_summary") == [
        ("min", 1.0, 100.0),
        ("median", 1.0, 130.0),
        ("max", 1.0, 160.0),
    ]


def test_feature_matrix_has_the_publishers_columns(
    db: duckdb.DuckDBPyConnection,
) -> None:
    matrix = db.execute("from feature_matrix order by case_id")
    names = [column[0] for column in matrix.description or ()]
    assert len(names) == 371
    first = dict(zip(names, matrix.fetchall()[0], strict=True))
    assert first["T1_E_Volumetric_Volume"] == 9001 + 2.5
    assert first["T1_E_LBP_Radius-3_Bins-128_LBP"] is None
    core = [c[0] for c in db.execute("from feature_matrix_core limit 0").description or ()]
    assert len(core) == 106
    assert "T1_E_Morphologic_PixelsOnBorder" not in core


def test_feature_matrix_is_what_its_generator_writes(tmp_path: Path) -> None:
    names = feature_matrix.list_features_of(VIEWS["feature_matrix"])
    feature_matrix.write(tmp_path, names)
    for name in ("feature_matrix", "feature_matrix_core"):
        assert (tmp_path / f"{name}.sql").read_text() == VIEWS[name]


@given(
    rows=st.dictionaries(
        st.tuples(st.sampled_from("pqr"), st.sampled_from(["b", "a'", "C", "not in the view"])),
        st.none() | st.floats(-1, 1),
    ),
    shuffled=st.randoms(use_true_random=False),
)
def test_lists_give_what_the_pivot_does(
    rows: dict[tuple[str, str], float | None], shuffled: random.Random
) -> None:
    values = [(case_id, feature, value) for (case_id, feature), value in rows.items()]
    shuffled.shuffle(values)
    pivot = feature_matrix.render("Wide.", ["b", "C", "a'"])
    with duckdb.connect() as db:
        db.execute("create table features (case_id varchar, feature varchar, value double)")
        if values:
            db.executemany("insert into features values (?, ?, ?)", values)
        assert ask(db, feature_matrix.spread_lists(pivot)) == ask(db, pivot)


def test_feature_matrix_names_are_the_publishers(real: Path) -> None:
    published = json.loads((real / "feature_columns.json").read_text())
    assert feature_matrix.list_features_of(VIEWS["feature_matrix"]) == published


def test_views_of_tables_that_are_not_built_are_left_out(tmp_path: Path) -> None:
    absent = ("case_counts", "claims", "cohort", "modelling", "problems", "volumes")
    present = ("coverage", "label_summary")
    without = ("gate_results", "clinical")
    db = etl.connect(make_project(tmp_path / "p", without=without, views=(*absent, *present)))
    views_made = ask(db, "select view_name from duckdb_views() where not internal")
    assert {name for (name,) in views_made} & {*absent, *present} == {*present}


def test_a_catalog_is_made_once(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes a second, and a copy of the finished one some milliseconds."""
    etl.connect(project)
    monkeypatch.delattr(connect, "build")
    assert ask(etl.connect(project), "select count(*) > 0 from masks") == [(True,)]


def test_what_the_tests_copy_is_what_a_user_makes(tmp_path: Path) -> None:
    """tests/catalogs.py has catalogs of other projects copied: they differ in nothing."""
    root = make_project(tmp_path / "p")
    etl.connect(root).close()  # now there is one to copy
    fresh, snapshot = duckdb.connect(), take_working_tree(root)
    connect.build.__wrapped__(fresh, snapshot, storage="view")  # type: ignore[attr-defined]
    copied = duckdb.connect()
    connect.build(copied, snapshot, storage="view")
    for question in (
        "select view_name, comment, sql from duckdb_views() where not internal",
        "select * exclude (database_oid, schema_oid, table_oid) from duckdb_columns()",
        "select * exclude (database_oid, function_oid) from duckdb_functions() where not internal",
        "from inputs.splits",
        "from voxels",
    ):
        query = f"from ({question}) order by all"
        assert ask(copied, query) == ask(fresh, query)


def test_the_kept_catalog_follows_every_change(tmp_path: Path) -> None:
    root = make_project(tmp_path / "p", views=("cohort", "problems", "slice_count"))
    etl.connect(root)
    view = root / "sql" / "views" / "slice_count.sql"
    view.write_text(view.read_text().replace("count(*) as n_images", "7::bigint as n_images"))
    assert ask(etl.connect(root), "select n_images from slice_count") == [(7,)]
    (root / "splits.csv").write_text("case_id,fold,subtype,pcr,dataset\nISPY1_9002,1,,,X\n")
    assert ask(etl.connect(root), "select fold, pcr from inputs.splits") == [(1, None)]
    (root / "data" / "tables" / "gate_results.parquet").unlink()
    with pytest.raises(duckdb.CatalogException):
        etl.connect(root).execute("from problems")
    kept = list((root / ".dvc" / "tmp" / "ispy1").glob("catalog-*.duckdb"))
    assert len(kept) == 1
    kept[0].write_bytes(b"not a database")
    assert ask(etl.connect(root), "select count(*) from cohort") == [(5,)]


def test_a_project_without_dvc_works(tmp_path: Path) -> None:
    root = make_project(tmp_path / "p", views=("cohort",))
    shutil.rmtree(root / ".dvc")
    assert ask(etl.connect(root), "select count(*) from cohort") == [(5,)]


def test_two_versions_stand_beside_each_other(project: Path) -> None:
    old = connect.take_working_tree(project)
    rows = {**old.inputs, "splits": (("ISPY1_9001", 0, None, None, "ISPY1-PHANTOM"),)}
    db = etl.connect(project)
    db.execute("attach ':memory:' as old; use old")
    views_needed = {name: old.views[name] for name in ("cohort", "modelling", "volumes")}
    snapshot = connect.Snapshot(old.tables, views_needed, rows)
    connect.fill(db, snapshot, cache=None)
    db.execute("use memory")
    sql = "select a.fold, b.fold from modelling a join old.modelling b using (case_id) limit 1"
    assert ask(db, sql) == [(3, 0)]


@pytest.mark.parametrize("form", ["csv", "parquet", "xlsx", "polars", "pandas", "arrow"])
def test_own_tables_join(project: Path, tmp_path: Path, form: str) -> None:
    frame = pl.DataFrame({"case_id": ["ISPY1_9001"], "score": [0.5]})
    path = tmp_path / f"my file.{form}"
    sources: dict[str, Any] = {
        "polars": frame,
        "pandas": frame.to_pandas(),
        "arrow": frame.to_arrow(),
    }
    if form == "csv":
        frame.write_csv(path)
    elif form == "parquet":
        frame.write_parquet(path)
    elif form == "xlsx":
        with xlsxwriter.Workbook(path) as book:
            sheet = book.add_worksheet()
            sheet.write_row(0, 0, frame.columns)
            sheet.write_row(1, 0, frame.row(0))
    db = etl.connect(project, tables={"mine": sources.get(form, path)})
    assert ask(db, "select score from cohort join mine using (case_id)") == [(0.5,)]


@pytest.mark.parametrize(
    ("name", "file", "said"),
    [
        ("masks", "a.csv", "has a table of this name"),
        ("claims", "a.csv", "has a table of this name"),
        ("a;drop", "a.csv", "no name for a table"),
        ("mine", "none.csv", "no such file"),
        ("mine", "a.txt", "expected csv"),
        ("mine", "bad.parquet", "cannot be read"),
        ("mine", "bad.xlsx", "cannot be read"),
    ],
)
def test_own_tables_are_refused_in_a_sentence(
    project: Path, tmp_path: Path, name: str, file: str, said: str
) -> None:
    for existing in ("a.csv", "a.txt", "bad.parquet", "bad.xlsx"):
        (tmp_path / existing).write_text("x\n1\n")
    with pytest.raises(UserError, match=said):
        etl.connect(project, tables={name: tmp_path / file})


def test_a_damaged_table_is_named(tmp_path: Path) -> None:
    root = make_project(tmp_path / "p")
    (root / "data" / "tables" / "masks.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(UserError, match=r"masks\.parquet.*ispy1 repro"):
        etl.connect(root)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("case_id,fold\n", "expected case_id, fold, subtype"),
        ("case_id,fold,subtype,pcr,dataset\nISPY1_9001,two,,,X\n", "fold is 'two'"),
        ("case_id,fold,subtype,pcr,dataset\nISPY1_9001,2,,maybe,X\n", "pcr is 'maybe'"),
        ("case_id,fold,subtype,pcr,dataset\nISPY1_9001,2\n", "has 2 cells"),
    ],
)
def test_a_damaged_input_is_named(tmp_path: Path, text: str, said: str) -> None:
    root = make_project(tmp_path / "p")
    (root / "splits.csv").write_text(text)
    with pytest.raises(UserError, match=said):
        etl.connect(root)


@pytest.mark.parametrize("name", ["phantom", "ispy1_tcia"])
def test_inputs_of_the_project_fit_their_schemas(name: str) -> None:
    rows = git_tables.read_inputs(ROOT, load_profile(ROOT, name))
    for table, schema in git_tables.SCHEMAS.items():
        keys = [tuple(row[schema.names.index(key)] for key in schema.key) for row in rows[table]]
        assert len(set(keys)) == len(keys)
        for row in rows[table]:
            blanks = {c.name for c, v in zip(schema.columns, row, strict=True) if v is None}
            assert blanks <= {c.name for c in schema.columns if c.nullable}
    fields = {(row[0], row[1]) for row in rows["known_issues"]}
    assert ("ISPY1_1070", "race_id") in fields
    assert ("ISPY1_1187", "artefact") in fields


def test_claims_name_definitions_that_exist(db: duckdb.DuckDBPyConnection) -> None:
    sql = "select count_name from inputs.claims anti join case_counts on count_name = name"
    assert ask(db, sql) == []


def test_views_that_read_each_other_are_refused() -> None:
    with pytest.raises(UserError, match="read each other"):
        views.order_views({"a": "select 1 from b", "b": "select 1 from a"}, ())


def test_relations_are_those_behind_from_and_join() -> None:
    sql = """
    -- from nowhere
    with own as (select 1 from a where x = 'from string')
    select * from own left join b on true join git_tables.c on p is distinct from q, range(3)
    """
    assert views.find_relations(sql) == {"a", "b"}


@pytest.mark.parametrize(
    "sql",
    ["select 1", "-- purpose\nselect 1", "-- p\n-- grain: g\n-- columns:\n-- x: y\nselect 1"],
)
def test_a_view_without_documentation_is_refused(sql: str) -> None:
    with pytest.raises(UserError, match=r"v\.sql"):
        views.parse_doc("v", sql)
