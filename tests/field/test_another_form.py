"""A release of another form: other folders, endings, ids and names of sets, and no workbook."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from support import (
    NATIVE_AFFINE,
    ROOT,
    build,
    make_project,
    mask_voxels,
    n3_image,
    rows,
    write_nifti,
    zscored_image,
)
from typer.testing import CliRunner, Result

import etl
from etl.ask.card.card import write_card
from etl.build.index import import_table, list_tables
from etl.cli import app
from etl.gate.judge import run_gate
from etl.model.errors import UserError
from etl.model.params_file import set_params
from etl.model.profile import Profile, load_profile
from etl.model.project import GATE
from etl.model.release import list_blobs_of_case
from etl.model.store import read_table, table_path
from etl.site.build import SITE, write_site
from etl.warehouse.reports import find, list_reports

Ask = Callable[..., Result]
CASES = ("SITE-007", "SITE-008")
IMAGE_SETS = {
    "raw": {"folder": "dce", "suffix": "_raw", "grid": "native", "role": "native"},
    "std": {"folder": "dce_1mm", "suffix": "_std", "grid": "1mm", "role": "normalized"},
}
MASKS = {
    "radiologist": {
        "grid": "1mm", "stored_values": [0, 1], "may_be_empty": "critical", "role": "expert",
    },
    "unet": {"grid": "1mm", "stored_values": [0, 1], "may_be_empty": "warning", "role": "network"},
    "subtraction": {
        "grid": "native", "stored_values": [0, 255], "may_be_empty": "warning",
        "role": "functional",
    },
}  # fmt: skip
NAMES = ("stv_manual", "stv_resunet", "ftv", "n3", "zscored")


def write_profile(root: Path, **fields: object) -> Profile:
    """Write and load the profile `site`: the numbers of the phantom's, names of its own."""
    folder = root / "expectations" / "profiles"
    content = yaml.safe_load((folder / "phantom.yaml").read_text())
    content |= {
        "dataset": "SITE",
        "is_phantom": False,
        "id_prefix": "SITE-",
        "id_digits": 3,
        "image_sets": IMAGE_SETS,
        "mask_folder_prefix": "labels_",
        "masks": MASKS,
        "files": {"readme": ["README"]},
        "expected_ids": [7, 8],
        **fields,
    }
    sizes = {f"size_{axis}_min": {"value": 1, "source": "Small on purpose"} for axis in "xyz"}
    content["thresholds"] = {**content["thresholds"], **sizes}
    (folder / "site.yaml").write_text(yaml.safe_dump(content))
    inputs = [{"image_set": "std", "phase": 1, "mask": m} for m in ("radiologist", "unet")]
    params = yaml.safe_load((root / "params.yaml").read_text())
    params |= {"profile": "site", "recompute": {"bins": 16, "inputs": inputs}}
    (root / "params.yaml").write_text(yaml.safe_dump(params))
    set_params(root / "params.yaml", {"profile": "site"})
    return load_profile(root, "site")


def write_release(root: Path, profile: Profile) -> None:
    """Write the images and masks of both cases."""
    for number, case in enumerate(CASES, 1):
        for name in list_blobs_of_case(case, profile):
            path, phase = root / "data/release" / name.path, name.phase or 0
            if name.image_set == "raw":
                write_nifti(path, n3_image(number, phase), NATIVE_AFFINE, scl_slope=0)
            elif name.image_set == "std":
                write_nifti(path, zscored_image(number, phase))
            elif name.mask == "subtraction":
                write_nifti(path, mask_voxels(number, "ftv"), NATIVE_AFFINE, scl_slope=1 / 255)
            else:
                like = "stv_manual" if name.mask == "radiologist" else "stv_resunet"
                write_nifti(path, mask_voxels(number, like))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = make_project(tmp_path_factory.mktemp("site") / "p")
    write_release(root, write_profile(root))
    build(root)
    run_gate(root)
    return root


@pytest.fixture
def ask(site: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    monkeypatch.chdir(site)

    def invoke(*words: str) -> Result:
        return CliRunner().invoke(app, words)

    return invoke


def test_every_table_is_built_and_names_no_set_of_another_release(site: Path) -> None:
    counts = {name: len(rows(site, name)) for name in list_tables()}
    assert counts["images"] == 12
    assert counts["masks"] == 6
    assert counts["kinetics"] == 12
    assert counts["phase_fits"] == 6
    assert counts["captk_features"] > 0
    of_recomputed = [n for n in counts if import_table(n).TABLE.needs == ("recomputed_features",)]
    assert of_recomputed
    assert all(counts[name] for name in of_recomputed)
    assert counts["features"] == counts["clinical"] == counts["feature_audit"] == 0
    for name in list_tables():
        text = str([list(row.values()) for row in rows(site, name)])
        assert not [word for word in NAMES if f"'{word}'" in text or f"_{word}_" in text], name
    assert {row["check"] for row in rows(site, "findings") if row["severity"] != "info"} == set()
    (case, _) = rows(site, "cases")
    assert (case["n_image_n3"], case["n_image_zscored"], case["is_complete"]) == (3, 3, True)
    assert all(case[f"has_mask_{name}"] for name in ("ftv", "stv_manual", "stv_resunet"))


def test_views_and_reports_read_the_sets_by_their_role(site: Path) -> None:
    with etl.connect(site) as db:
        volumes = db.execute(
            "select ftv_cm3, stv_manual_cm3, stv_resunet_cm3, published_cm3 from volumes"
        ).fetchall()
        by_mask = dict(db.execute("select case_id || mask, volume_cm3 from masks").fetchall())
        sets = ("subtraction", "radiologist", "unet")
        assert [row[:3] for row in volumes] == [
            tuple(by_mask[case + name] for name in sets) for case in CASES
        ]
        assert {row[3] for row in volumes} == {None}
        files = db.execute(
            "select image_n3_1_path, mask_stv_manual_path from case_files"
        ).fetchall()
        assert files[0] == (
            "dce/SITE-007/SITE-007_DCE_0001_raw.nii.gz", "labels_radiologist/SITE-007.nii.gz"
        )  # fmt: skip
        missing = db.execute("select item from coverage where not is_present").fetchall()
        assert missing == []
        for name in list_reports(site):
            db.execute(find(site, name)).fetchall()


def test_the_gate_judges_it_and_the_card_shows_it(site: Path, ask: Ask) -> None:
    contracts = read_table(table_path(site / GATE, "gate_results")).to_pylist()
    failed = {c["expectation"]: c["observed"] for c in contracts if not c["success"]}
    assert failed == {  # of so small a release
        "A mask of 1 cm3 or more keeps its volume when carried, within a share of 0.1": (
            "nothing to judge"
        ),
        "No mask touches the border of its image": "1 of 6: True",
    }
    reasons = {c["observed"] for c in contracts if c["suite"] in ("clinical", "features")}
    assert reasons == {
        f"not judged: profile site names no workbook of {kind} (`files`)"
        for kind in ("clinical", "features")
    }
    text = write_card(site).read_text()
    assert "SITE" in text
    assert write_site(site, lambda _done, _total: None).is_file()
    page = (site / SITE / "cases/SITE-007.html").read_text()
    assert "labels_radiologist/SITE-007.nii.gz" in page
    assert "STV, expert: 0.26 cm3 (vermilion)" in page
    done = ask("show", "7" * 3)
    assert "SITE-007" in str(done.exception)
    assert "STV, expert (radiologist)      0.26" in ask("show", "SITE-007").stdout
    assert ask("describe", "volumes").exit_code == 0
    done = ask("sql", "select mask, volume_cm3 from masks order by all limit 1", "--format", "json")
    assert json.loads(done.stdout)[0]["mask"] == "radiologist"
    done = ask("status", "--json")
    assert done.exit_code in (0, 1)
    assert json.loads(done.stdout)
    done = ask("why", "volumes.stv_manual_cm3", "SITE-007")
    assert "labels_radiologist/SITE-007.nii.gz" in done.stdout
    assert "labels_unet" not in done.stdout


def test_a_role_that_no_set_has_is_null(tmp_path: Path) -> None:
    root = make_project(tmp_path / "p")
    masks = {"radiologist": {k: v for k, v in MASKS["radiologist"].items() if k != "role"}}
    images = {"std": {k: v for k, v in IMAGE_SETS["std"].items() if k != "role"}}
    write_release(root, write_profile(root, masks=masks, image_sets=images))
    set_params(root / "params.yaml", {"recompute.inputs": []})  # type: ignore[dict-item]
    build(root)
    run_gate(root)
    with etl.connect(root) as db:
        query = "select ftv_cm3, stv_manual_cm3, stv_resunet_cm3 from volumes"
        assert set(db.execute(query).fetchall()) == {(None, None, None)}
        assert db.execute("select count(*) from masks").fetchall() == [(2,)]


def test_two_sets_of_one_role_are_refused(tmp_path: Path) -> None:
    root = make_project(tmp_path / "p")
    masks = {"a": MASKS["radiologist"], "b": MASKS["radiologist"]}
    with pytest.raises(UserError, match="two sets have one role"):
        write_profile(root, masks=masks)
    assert load_profile(ROOT, "phantom").sets["expert"] == "stv_manual"
