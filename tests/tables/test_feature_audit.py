"""The table feature_audit: on phantoms whose wrong values the truth knows, and without a part."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from rebuild import rebuild
from support import FEATURES, Row, build_table, findings, make_project, rows

import etl
from etl.measure.audit import CONCORDANCE, EXACT, NOT_COMPARABLE, VERDICTS
from etl.model.feature_names import NAMES
from etl.model.git_tables import PUBLISHED_CATALOG, read_csv_input
from etl.model.params_file import set_params
from etl.model.store import read_footer, table_path, write_table
from etl.phantom.build import make
from etl.tables import captk_features, feature_audit, features
from etl.tables.feature_catalog import parse_name

ROOT = Path(__file__).parents[2]
TABLES = ("features", "feature_catalog", "captk_features", "feature_audit", "feature_fits")
MEAN = "T1_E_Intensity_Mean"


def rebuilt(root: Path) -> dict[str, Row]:
    """The audit by feature, built again."""
    build_table(root, "feature_audit", workers=1)
    return {row["feature"]: row for row in rows(root, "feature_audit")}


def wrong(root: Path) -> dict[tuple[str, str], Row]:
    """What the audit finds wrong: (case, feature) -> the finding."""
    found = findings(root, table="feature_audit")
    return {
        (row["case_id"], row["check"].partition(":")[2]): row
        for row in found
        if row["check"].startswith("wrong_value:")
    }


def planted(root: Path) -> set[tuple[str, str]]:
    truth = pq.read_table(root / "data/truth.parquet").to_pylist()
    return {
        (row["case_id"], row["subject"].removeprefix("feature:"))
        for row in truth
        if row["quantity"] == "is_planted" and row["value"] == 1
    }


@pytest.fixture(scope="module", params=[2, 6])
def phantom(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A phantom of a few cases with the tables of the audit. For reading only."""
    root = make_project(tmp_path_factory.mktemp("audit") / "project")
    set_params(root / "params.yaml", {"release": "data/phantom", "phantom.cases": request.param})
    make(root / "data/phantom", root / "data/truth.parquet", cases=request.param, workers=2)
    rebuild(root, *TABLES)
    return root


@pytest.fixture
def copy(phantom: Path, tmp_path: Path) -> Path:
    """A copy that a test may change; the images stay behind."""
    ignore = shutil.ignore_patterns("*.nii.gz")
    return Path(shutil.copytree(phantom, tmp_path / "project", ignore=ignore))


def rewrite(root: Path, change: Callable[[Row], Row]) -> None:
    """Change the published features, as another workbook would."""
    path = table_path(root / "data/tables", "features")
    meta = {"recipe": read_footer(path)["recipe"], "licence": "CC0", "attribution": "none"}
    write_table(features.TABLE, [change(row) for row in rows(root, "features")], path, meta=meta)


# --- every input, not the best alone -----------------------------------------------------------

FITS = """
with pairs as (
    select feature, image_set, phase, mask, features.value as a, recomputed.value as b,
        if(a = b, 0, abs(a - b) / greatest(abs(a), abs(b))) as relative
    from features
    join captk_features as recomputed using (case_id, feature)
    where a is not null and b is not null
)
select feature, image_set, phase, mask, count(*) as n, count_if(relative <= 1e-6) as n_equal,
    round(median(relative), 12) as median_relative_difference,
    max(relative) as max_relative_difference
from pairs
group by all
"""


def test_every_input_is_compared_and_the_audit_takes_one(phantom: Path) -> None:
    with etl.connect(phantom) as db:
        db.execute(f"create table wanted as {FITS}")
        db.execute(
            "create table fits as select * exclude (is_best) replace ("
            "round(median_relative_difference, 12) as median_relative_difference) from feature_fits"
        )
        assert db.execute("from wanted except all from fits").fetchall() == []
        assert (
            db.execute("select count(*) from fits").fetchall()
            == db.execute("select count(*) from wanted").fetchall()
        )
        best = "select feature, image_set, n, max_relative_difference from {} where {}"
        taken = db.execute(best.format("feature_fits", "is_best order by feature")).fetchall()
        audited = best.format("feature_audit", "n > 0 order by feature")
        assert taken == db.execute(audited).fetchall()


# --- the phantom's workbook ------------------------------------------------------------------


def test_every_planted_value_is_named_and_no_other(phantom: Path) -> None:
    assert set(wrong(phantom)) == planted(phantom)
    assert len(planted(phantom)) in (7, 8)


def test_a_finding_says_what_is_wrong_and_what_would_be_right(phantom: Path) -> None:
    published = {(r["case_id"], r["feature"]): r["value"] for r in rows(phantom, "features")}
    computed = {
        (r["case_id"], r["feature"]): r["value"]
        for r in rows(phantom, "captk_features")
        if r["image_set"] == "n3"
    }
    causes = {
        "Mean": "a decimal point", "Skewness": "a sign", "StandardDeviation": "another version",
        "Kurtosis": "the value of ISPY1_", "Entropy": "the value of ISPY1_",
        "Axis-2": "a decimal point", "Contrast": "a decimal point",
    }  # fmt: skip
    for (case, feature), row in wrong(phantom).items():
        assert row["severity"] == "warning"
        assert row["path"] == FEATURES
        assert float(row["observed"]) == pytest.approx(published[case, feature], rel=1e-9)
        value, _, source = row["expected"].partition(" ")
        assert float(value) == pytest.approx(computed[case, feature], rel=1e-9)
        assert source == "(n3 phase 1, stv_manual)"
        assert causes[feature.rpartition("_")[2]] in row["likely_cause"]


def test_the_published_features_fit_the_native_grid(phantom: Path) -> None:
    found = rows(phantom, "feature_audit")
    assert [row["feature"] for row in found] == sorted(NAMES)
    compared = [row for row in found if row["tier"] != NOT_COMPARABLE]
    assert {(r["image_set"], r["phase"], r["mask"]) for r in compared} == {("n3", 1, "stv_manual")}
    assert len(compared) == 323
    named = {feature for _, feature in planted(phantom)}
    for row in compared:
        assert row["verdict"] in VERDICTS
        if row["feature"] not in named:
            assert row["verdict"] == "agrees exactly"
            assert row["max_relative_difference"] < 1e-9
            assert (row["n_wrong_values"], row["worst_cases"]) == (0, [])
            assert row["bland_altman_bias"] == pytest.approx(0, abs=1e-3)
    for row in found:
        if row["feature"] in named:
            cases = {case for case, feature in planted(phantom) if feature == row["feature"]}
            assert set(row["worst_cases"]) == cases
            assert row["n_wrong_values"] == len(cases)


def test_two_cases_say_nothing_about_concordance(phantom: Path) -> None:
    for row in rows(phantom, "feature_audit"):
        if row["n"] == 2:
            assert (row["spearman"], row["lin_concordance"]) == (None, None)
            assert row["bland_altman_lower"] is not None
        elif row["feature"] == "T1_E_Intensity_Kurtosis":  # two cases are swapped
            assert row["lin_concordance"] < 0.999
            assert row["spearman"] < 1


def test_what_cannot_be_compared_has_a_reason(phantom: Path) -> None:
    found = [row for row in rows(phantom, "feature_audit") if row["tier"] == NOT_COMPARABLE]
    assert len(found) == 47
    assert all(row["verdict"] == "not comparable" and row["reason"] for row in found)
    assert {(row["n"], row["image_set"], row["spearman"]) for row in found} == {(0, None, None)}


# --- other releases --------------------------------------------------------------------------


def test_a_case_of_another_mask_is_one_finding(copy: Path) -> None:
    """All values of one case come from another: not three hundred findings, but one."""
    published = {(r["case_id"], r["feature"]): r["value"] for r in rows(copy, "features")}
    first, second = sorted({case for case, _ in published})[:2]
    rewrite(copy, lambda r: r | {"value": published[second, r["feature"]]}
            if r["case_id"] == first else r)  # fmt: skip
    found = rebuilt(copy)
    (other,) = [
        row for row in findings(copy, table="feature_audit") if row["check"] == "other_input"
    ]
    assert (other["case_id"], other["severity"]) == (first, "warning")
    assert "values differ" in other["observed"]
    assert {case for case, _ in wrong(copy)} == {case for case, _ in planted(copy)} - {first}
    assert first in found[MEAN]["worst_cases"]
    named = {feature for case, feature in planted(copy) if case != first}
    assert {name for name, row in found.items() if row["n_wrong_values"]} == named


def test_where_nothing_is_exact_gross_errors_alone_are_named(copy: Path) -> None:
    """Every value is a few per cent off, as from another mask: no flood, but the decimal point."""
    rewrite(copy, lambda r: r | {"value": r["value"] * (1.03 + 0.001 * int(r["case_id"][-1]))})
    found = rebuilt(copy)
    n_cases = len({row["case_id"] for row in rows(copy, "features")})
    moved = {(case, feature) for case, feature in planted(copy) if feature.endswith(
        ("_Mean", "_Skewness", "_Contrast", "_Axis-2"))}  # fmt: skip
    assert set(wrong(copy)) == (moved if n_cases > 5 else set())
    assert found["T1_E_Intensity_Variance"]["verdict"] == "agrees within 5 %"
    assert found["T1_E_Intensity_Variance"]["image_set"] == "n3"


def test_a_value_that_is_missing_is_not_compared(copy: Path) -> None:
    (case, _) = next(iter(planted(copy)))
    rewrite(copy, lambda r: r | {"value": None} if r["case_id"] == case else r)
    found = rebuilt(copy)
    n_cases = len({row["case_id"] for row in rows(copy, "features")})
    assert found["T1_E_Intensity_Variance"]["n"] == n_cases - 1
    assert case not in {who for who, _ in wrong(copy)}


def test_without_recomputed_values_nothing_is_judged(copy: Path) -> None:
    path = table_path(copy / "data/tables", "captk_features")
    write_table(captk_features.TABLE, [], path, meta={"recipe": "r"})
    found = rebuilt(copy)
    assert wrong(copy) == {}
    assert found[MEAN]["verdict"] == "not computed"
    assert found[MEAN]["reason"]
    assert found["T1_E_NGTDM_Busyness"]["verdict"] == "not comparable"


def test_a_feature_of_another_release_is_not_in_the_catalog(copy: Path) -> None:
    rewrite(copy, lambda r: r | {"feature": r["feature"].replace("_GLCM_", "_Wavelet_")})
    found = rebuilt(copy)
    row = found["T1_E_Wavelet_Bins-128_Radius-1_Energy"]
    assert (row["tier"], row["reason"]) == (NOT_COMPARABLE, "not in sql/published_catalog.csv")


def test_the_limits_are_parameters(copy: Path) -> None:
    set_params(copy / "params.yaml", {"feature_audit.exact_relative": 0.95})
    rebuilt(copy)
    assert {feature.rpartition("_")[2] for _, feature in wrong(copy)} == {"Skewness"}


def test_a_small_release_whose_workbook_fits_nothing_has_no_wrong_value(built: Path) -> None:
    """The two cases of the small release: six invented features."""
    found = {row["feature"]: row for row in rows(built, "feature_audit")}
    assert [r for r in findings(built) if r["table"] == "feature_audit"] == []
    assert found[MEAN]["n"] == 2
    assert found[MEAN]["verdict"] == "differs"


# --- the catalog -----------------------------------------------------------------------------


def test_the_catalog_describes_every_published_feature_and_nothing_else() -> None:
    lines = read_csv_input(PUBLISHED_CATALOG, ROOT / feature_audit.TABLE.files[0])
    keys = {(line[0], line[1]) for line in lines}
    assert len(keys) == len(lines)
    assert {line[2] for line in lines} == {EXACT, CONCORDANCE, NOT_COMPARABLE}
    for line in lines:
        assert (line[2] == EXACT) == (line[5] is None), line
    used = set()
    for name in NAMES:
        parts = parse_name(name)
        assert parts is not None
        own = (parts["family"], parts["statistic"])
        used.add(own if own in keys else (parts["family"], "*"))
    assert used == keys


def test_what_is_computed_is_what_the_catalog_calls_comparable(built: Path) -> None:
    computed = {row["feature"] for row in rows(built, "captk_features")}
    lines = read_csv_input(PUBLISHED_CATALOG, ROOT / feature_audit.TABLE.files[0])
    tiers = {(line[0], line[1]): line[2] for line in lines}
    comparable = set()
    for name in NAMES:
        parts = parse_name(name) or {}
        family, statistic = parts["family"], parts["statistic"]
        tier = tiers.get((family, statistic), tiers.get((family, "*")))
        comparable |= {name} if tier != NOT_COMPARABLE else set()
    assert computed == comparable
    assert len(computed) == 323
