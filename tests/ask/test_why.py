"""`ispy1 why`: from a value to its blobs, its code, its contracts and the version that made it."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from history import GROWN, commit, git, grow, set_remote
from support import CLINICAL, FEATURES, ROOT, TRIAL_ONLY, build, md5
from typer.testing import CliRunner

from etl.ask.why import Answer, Explanation, as_json, format_lines, why
from etl.ask.why import past as past_module
from etl.ask.why.model import Change, RecipeFact
from etl.cli import app
from etl.model import project as etl_project
from etl.model.errors import UserError
from etl.model.store import read_footer, read_table, table_path, write_table
from etl.tables.masks import TABLE
from etl.versions import dvc, revision_tables
from etl.warehouse.connect import connect

CASE, OTHER = "ISPY1_9001", "ISPY1_9002"


def one(
    root: Path, column: str, *words: str, history: bool = False, offline: bool = False
) -> Explanation:
    answer = why(root, column, words, history=history, offline=offline)
    assert len(answer.explanations) == 1
    return answer.explanations[0]


@pytest.fixture(scope="module")
def grown(past: Path) -> Explanation:
    """The volume of the mask that v2 changed, with its history."""
    return one(past, "masks.volume_cm3", CASE, "stv_manual", history=True)


def change(explanation: Explanation, *, happened: bool) -> Change:
    changed = explanation.changed
    assert changed is not None
    assert changed.happened is happened
    return changed


def recipe(explanation: Explanation) -> RecipeFact:
    assert explanation.recipe is not None
    return explanation.recipe


def volume(root: Path, rev: str | None = None) -> float:
    row = connect(root, rev=rev).execute(
        "select volume_cm3 from masks where case_id = ? and mask = 'stv_manual'", [CASE]
    )
    return float((row.fetchone() or (0.0,))[0])


def test_a_measured_value_leads_to_its_blob(past: Path, grown: Explanation) -> None:
    blob = (past / "data" / "release" / GROWN).read_bytes()
    assert grown.value == volume(past)
    assert (grown.unit, grown.key) == ("cm3", {"case_id": CASE, "mask": "stv_manual"})
    assert "voxel_count" in grown.meaning
    (fact,) = grown.blobs
    assert fact.path == GROWN
    assert fact.md5 == fact.publisher_md5 == hashlib.md5(blob).hexdigest()  # noqa: S324
    assert (fact.verdict, fact.in_workspace, fact.in_cache) == ("match", True, True)
    assert fact.in_remote is None


def test_a_value_of_two_masks_leads_to_both(past: Path) -> None:
    found = one(past, "mask_agreement.dice", CASE, "mask_a=stv_manual", "mask_b=stv_resunet")
    release = past / "data" / "release"
    assert [(fact.path, fact.role) for fact in found.blobs] == [
        (f"masks_stv_manual/{CASE}.nii.gz", "measured (a)"),
        (f"masks_stv_resunet/{CASE}.nii.gz", "measured (b)"),
    ]
    for fact in found.blobs:
        assert fact.md5 == md5(release / fact.path)
        assert (fact.in_workspace, fact.in_cache) == (True, True)
    assert recipe(found).made_by == "etl.tables.mask_agreement.measure()"
    assert {"etl.measure.agreement", "etl.measure.carry"} <= set(recipe(found).modules)
    assert "2 |A and B|" in found.meaning
    assert {contract.suite for contract in found.contracts} == {"mask_agreement"}


@pytest.mark.parametrize("image_set", ["zscored", "n3"])
def test_enhancement_leads_to_the_mask_and_the_three_images(past: Path, image_set: str) -> None:
    found = one(past, "kinetics.ser_median", CASE, "stv_manual", image_set)
    assert found.value is not None
    assert [fact.role for fact in found.blobs] == ["measured (mask)", *["measured (image)"] * 3]
    assert found.blobs[0].path == f"masks_stv_manual/{CASE}.nii.gz"
    folder = {"zscored": "resampled_zscored_nifti", "n3": "bias-corrected_nifti"}[image_set]
    assert all(folder in fact.path for fact in found.blobs[1:])
    assert recipe(found).made_by == "etl.tables.kinetics.measure()"
    assert recipe(found).parameters["params"] == {"kinetics.pe_min_percent": 70}
    assert "etl.measure.kinetics" in recipe(found).modules


def test_a_slope_leads_to_its_images_and_a_threshold_to_other_tables(
    past: Path, built: Path
) -> None:
    found = one(past, "phase_fits.slope", CASE, "phase=1")
    assert [fact.role for fact in found.blobs] == ["measured (n3)", "measured (zscored)"]
    share = one(built, "kinetics.share_at_trial_threshold", CASE, "ftv", "zscored")
    assert {fact.role for fact in share.blobs} >= {"measured (mask)", "read by phase_fits"}


def test_the_recipe_names_the_code_and_its_parameters(past: Path, grown: Explanation) -> None:
    found = recipe(grown)
    assert found.is_todays
    assert found.made_by == "etl.tables.masks.measure()"
    assert {"etl.measure.mask", "etl.read.nifti", "etl.model.store"} <= set(found.modules)
    assert "etl.tables.clinical" not in found.modules
    assert found.libraries["numpy"]
    assert found.parameters["profile"] == "phantom"
    assert found.parameters["naming"]["id_prefix"] == "ISPY1_"
    assembled = recipe(one(past, "masks.matches_image_grid", CASE, "ftv"))
    assert assembled.made_by == "etl.tables.masks.assemble()"


def test_it_changed_through_the_blob(past: Path, grown: Explanation) -> None:
    found = change(grown, happened=True)
    assert (found.before, found.after) == (volume(past, "v1"), volume(past))
    assert found.before < found.after
    assert found.revision == git(past, "rev-parse", "v2").strip()[:8]
    (blob,) = found.blobs
    assert blob.path == GROWN
    assert blob.after == md5(past / "data" / "release" / GROWN)
    assert blob.before not in (None, blob.after)
    assert found.recipes is None


def test_what_did_not_change_says_so(past: Path) -> None:
    found = change(one(past, "masks.volume_cm3", OTHER, "stv_manual"), happened=False)
    assert found.revision == git(past, "rev-parse", "v1").strip()[:8]
    assert "first version" in found.summary
    assert found.n_versions == 2


def test_the_walk_is_bounded_and_says_so(past: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(past_module, "LIMIT", 1)
    steps: list[tuple[int, int]] = []
    words = (OTHER, "stv_manual")
    answer = why(past, "masks.volume_cm3", words, progress=lambda *step: steps.append(step))
    assert steps == [(0, 1)]
    assert answer.explanations[0].history is None
    found = change(answer.explanations[0], happened=False)
    assert "last 1 versions" in found.summary


def test_a_change_that_no_version_has_yet(copy: Path) -> None:
    grow(copy, 5.0)
    build(copy)
    found = change(one(copy, "masks.volume_cm3", CASE, "stv_manual"), happened=True)
    assert found.revision == ""
    assert "not committed" in found.summary
    assert [blob.path for blob in found.blobs] == [GROWN]


def test_code_that_changed_a_value_is_told_from_a_blob(copy: Path) -> None:
    path = table_path(copy / etl_project.TABLES, "masks")
    rows = read_table(path).to_pylist()
    for row in rows:
        row["volume_cm3"] += 1
    old = read_footer(path)["recipe"]
    meta = {"recipe": "other", "dataset": "d", "licence": "l", "attribution": "a"}
    write_table(TABLE, rows, path, meta=meta)
    found = one(copy, "masks.volume_cm3", CASE, "ftv")
    changed = change(found, happened=True)
    assert (changed.recipes, changed.blobs) == ((old, "other"), ())
    assert "the blobs are the same" in changed.summary
    assert recipe(found).is_todays is False


def test_a_row_that_appeared(copy: Path) -> None:
    path = copy / "data" / "release" / "masks_mine" / f"{CASE}.nii.gz"
    path.parent.mkdir()
    shutil.copy(copy / "data" / "release" / GROWN, path)
    build(copy)
    found = change(one(copy, "masks.volume_cm3", CASE, "mine"), happened=True)
    assert found.summary.startswith("appeared")
    assert found.before is None
    assert [(b.path, b.before) for b in found.blobs] == [(f"masks_mine/{CASE}.nii.gz", None)]


def test_history_has_every_tag(past: Path, grown: Explanation) -> None:
    assert [(m.revision, m.value) for m in grown.history or ()] == [
        ("v1", volume(past, "v1")),
        ("v2", volume(past)),
    ]
    of_view = one(past, "volumes.stv_manual_cm3", CASE, history=True).history
    assert [m.value for m in of_view or ()] == [m.value for m in grown.history or ()]


def test_a_tag_without_the_table_says_why(copy: Path) -> None:
    git(copy, "rm", "-q", "--cached", "dvc.lock")
    (copy / "dvc.lock").rename(copy / "kept")
    commit(copy, "v3")
    (copy / "kept").rename(copy / "dvc.lock")
    found = one(copy, "masks.volume_cm3", CASE, "ftv", history=True).history
    assert found is not None
    assert "dvc.lock is not in this revision" in found[-1].problem


def test_a_table_that_left_the_cache_ends_the_walk_with_a_reason(copy: Path) -> None:
    md5 = revision_tables.list_tables_at(copy, "v1")["masks"]
    dvc.name_cache_path(copy, md5).unlink()
    for offline in (True, False):
        found = one(copy, "masks.volume_cm3", CASE, "stv_manual", offline=offline)
        assert "not in the" in change(found, happened=False).summary


def test_a_project_without_git_is_explained_all_the_same(copy: Path) -> None:
    shutil.rmtree(copy / ".git")
    found = one(copy, "masks.volume_cm3", CASE, "ftv", history=True)
    assert "not a git repository" in change(found, happened=False).summary
    assert found.history == ()


def test_broken_contracts_that_name_the_row_come_first(past: Path, grown: Explanation) -> None:
    found = grown.contracts
    assert [(c.success, c.names_it) for c in found][:1] == [(False, True)]
    assert found[0].fix
    assert {"masks", "published_volumes"} <= {c.suite for c in found}
    elsewhere = one(past, "masks.volume_cm3", OTHER, "ftv").contracts
    assert not any(c.names_it for c in elsewhere)
    assert "published_volumes" not in {c.suite for c in elsewhere}  # it is the expert's
    header = one(past, "masks.spacing_x_mm", OTHER, "stv_manual").contracts
    assert "grid_1mm" in {c.suite for c in header}


def test_findings_about_the_blob_are_there(copy: Path) -> None:
    (copy / "data" / "release" / "masks_ftv" / f"{OTHER}.nii.gz").write_bytes(b"no gzip")
    build(copy)
    found = one(copy, "blobs.verdict", f"masks_ftv/{OTHER}.nii.gz")
    assert found.value == "mismatch"
    assert found.findings
    assert found.blobs[0].verdict == "mismatch"
    assert found.blobs[0].publisher_md5 != found.blobs[0].md5
    assert [b.role for b in found.blobs][1:] == ["the publisher's manifest"]


@pytest.mark.parametrize(
    ("column", "words", "path", "role"),
    [
        ("clinical.age_years", (CASE,), CLINICAL, "column 'age'"),
        ("clinical.subtype", (TRIAL_ONLY,), CLINICAL, "column 'HR_HER2_CATEGORY'"),
        ("outcomes.rfs_days", (CASE,), CLINICAL, "sheet 'TCIA Outcomes Subset'"),
        ("features.value", (CASE, "T1_E_NGTDM_Busyness"), FEATURES, "'T1_E_NGTDM_Busyness'"),
        ("feature_catalog.family", ("T1_E_NGTDM_Busyness",), FEATURES, "header"),
        ("cases.has_features", (CASE,), FEATURES, "names the case"),
        ("cases.has_mask_stv_manual", (CASE,), GROWN, "counted"),
    ],
)
def test_workbooks_and_cases_lead_to_files(
    past: Path, column: str, words: tuple[str, ...], path: str, role: str
) -> None:
    (blob,) = one(past, column, *words).blobs
    assert blob.path == path
    assert role in blob.role


def test_a_case_is_counted_by_its_images(past: Path) -> None:
    blobs = one(past, "cases.n_image_n3", CASE).blobs
    assert len(blobs) == 3
    assert all("_N3.nii.gz" in blob.path and CASE in blob.path for blob in blobs)


def test_a_column_that_needs_other_blobs_names_them(built: Path) -> None:
    found = one(built, "masks.matches_image_grid", CASE, "ftv")
    assert found.blobs[0].role == "measured"
    assert {blob.role for blob in found.blobs[1:]} == {"read by images"}
    assert all(CASE in blob.path for blob in found.blobs)
    change(found, happened=False)


# --- Views ---------------------------------------------------------------------------------------


def test_a_view_leads_to_the_table_columns(past: Path, grown: Explanation) -> None:
    found = one(past, "volumes.stv_manual_cm3", CASE)
    assert found.made_by == "sql/views/volumes.sql"
    values = [s for s in found.sources if not s.is_condition]
    assert [(s.column, s.chosen_by, s.rows) for s in values] == [
        ("masks.volume_cm3", {"mask": "stv_manual"}, 1)
    ]
    (inner,) = found.behind
    assert inner == replace(grown, history=None)


def test_a_view_on_views_and_a_pivot_lead_there_too(past: Path) -> None:
    (inner,) = one(past, "modelling.stv_manual_cm3", CASE).behind
    assert (inner.relation, inner.key["mask"]) == ("masks", "stv_manual")
    ratio = one(past, "volumes.ftv_to_manual_ratio", CASE).behind
    assert [e.key["mask"] for e in ratio] == ["ftv", "stv_manual"]


def test_a_summary_names_the_rows_and_does_not_print_them_all(past: Path) -> None:
    found = one(past, "label_summary.volume_max_cm3", "ftv")
    assert found.sources[0].column == "masks.volume_cm3"
    assert found.sources[0].rows == 2
    many = one(past, "slice_count.n_slices")
    assert many.behind == ()
    assert many.sources[0].rows == 6
    assert "images.size_z" in many.notes[0]


def test_small_inputs_lead_to_their_file(past: Path) -> None:
    found = one(past, "inputs.claims.stated", "1")
    assert found.made_by == "sql/claims.csv"
    assert one(past, "inputs.release_info.licence").made_by.endswith("phantom.yaml")


# --- Which row -----------------------------------------------------------------------------------


def test_an_incomplete_key_shows_a_few_and_lists_many(past: Path) -> None:
    few = why(past, "masks.volume_cm3", [CASE])
    assert [e.key["mask"] for e in few.explanations] == ["ftv", "stv_manual", "stv_resunet"]
    every = why(past, "masks.volume_cm3", [])
    assert every.explanations == ()
    assert every.n_matches == 6
    assert every.matches[0].key == {"case_id": CASE, "mask": "ftv"}
    assert len(why(past, "images.intensity_mean", ["n3"]).matches) == 6


@pytest.mark.parametrize(
    "words",
    [("9001", "ftv"), ("ISPY1-9001", "ftv"), ("ftv", CASE), ("mask=ftv", "9001"),
     ("case_id=9001", "mask=ftv")],
)  # fmt: skip
def test_a_key_in_many_spellings(past: Path, words: tuple[str, ...]) -> None:
    assert one(past, "masks.volume_cm3", *words).key == {"case_id": CASE, "mask": "ftv"}


@pytest.mark.parametrize(
    ("column", "words", "said"),
    [
        ("masks.volum_cm3", (CASE,), "has no column volum_cm3. Did you mean volume_cm3"),
        ("masks.zzz", (CASE,), "has no column zzz. `ispy1 describe masks`"),
        ("maks.volume_cm3", (CASE,), "Did you mean masks?"),
        ("masks", (CASE,), "give a table and a column, such as masks.COLUMN"),
        ("masks.volume_cm3", ("ISPY1_9003",), "the nearest: ISPY1_900"),
        ("masks.volume_cm3", (CASE, "stv_manuel"), "the nearest: stv_manual"),
        ("masks.volume_cm3", (CASE, "msk=ftv"), "the key is mask="),
        ("masks.volume_cm3", (CASE, "ftv", "1"), "the key of masks is case_id, mask"),
        ("masks.volume_cm3", (CASE, "mask=mine"), "no row has the key"),
        ("masks.volume_cm3", ("mask=mine",), "`ispy1 why masks.volume_cm3` lists"),
        ("masks.volume_cm3", ("' or 1=1 --",), "no case_id or mask of masks has this value"),
    ],
)
def test_unknown_names_get_one_sentence(
    past: Path, column: str, words: tuple[str, ...], said: str
) -> None:
    with pytest.raises(UserError) as caught:
        why(past, column, words)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


# --- The remote and the command ------------------------------------------------------------------


def test_the_remote_is_asked_unless_offline(copy: Path, tmp_path: Path) -> None:
    set_remote(copy, tmp_path / "store")
    (tmp_path / "store").mkdir()
    asked = one(copy, "masks.volume_cm3", CASE, "ftv").blobs[0]
    assert asked.in_remote is False
    dvc.push(copy, [str(asked.md5)])
    assert one(copy, "masks.volume_cm3", CASE, "ftv").blobs[0].in_remote is True
    assert one(copy, "masks.volume_cm3", CASE, "ftv", offline=True).blobs[0].in_remote is None


def test_a_remote_that_cannot_be_asked_is_no_error(copy: Path) -> None:
    config = copy / ".dvc" / "config"
    config.write_text("[core]\n    remote = gone\n")
    assert one(copy, "masks.volume_cm3", CASE, "ftv").blobs[0].in_remote is None


def run(*words: str) -> str:
    return CliRunner().invoke(app, ["why", *words]).output


def test_the_command_speaks_and_writes_json(
    past: Path, grown: Explanation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(past)
    said = run("masks.volume_cm3", CASE, "stv_manual")
    for word in (GROWN, "MD5", "recipe", "BROKEN", "changed", "->", "profile phantom"):
        assert word in said
    words = ("masks.volume_cm3", CASE, "stv_manual", "--history", "--json")
    found = json.loads(run(*words))
    assert found["explanations"][0]["blobs"][0]["path"] == GROWN
    answer = Answer("masks.volume_cm3", (grown,), 1)
    assert found == as_json(answer)
    assert any("at v1" in line for line in format_lines(answer))
    listed = run("masks.volume_cm3")
    assert "6 rows match" in listed
    assert f"case_id={CASE} mask=ftv" in listed


def test_lines_of_a_view_indent_what_is_behind(past: Path) -> None:
    said = list(format_lines(why(past, "volumes.ftv_cm3", [CASE])))
    assert said[0].startswith(f"volumes.ftv_cm3 of case_id={CASE} = ")
    assert any(line.startswith("    masks.volume_cm3 of") for line in said)
    assert any("masks.volume_cm3 where mask = ftv, 1 row" in line for line in said)
    assert ROOT.as_posix() not in "\n".join(said)
