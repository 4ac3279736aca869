"""The index: the only place that hashes; right after every edit, and the same for any order."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from support import CLINICAL, FEATURES, MANIFEST, ROOT, mask_voxels, md5, write_nifti

from etl.build.index import (
    import_table,
    index_path,
    list_tables,
    read_index,
    read_params_of,
    write_indexes,
)
from etl.model.errors import UserError
from etl.model.profile import load_profile
from etl.model.project import read_yaml
from etl.versions import dvc

FTV = "masks_ftv/ISPY1_9001.nii.gz"
RECIPE = f"# recipe={'0' * 32} values={'1' * 32}"


def texts(root: Path) -> dict[str, str]:
    write_indexes(root)
    return {name: index_path(root, name).read_text() for name in list_tables()}


def test_every_table_gets_the_blobs_that_it_reads(project: Path, release: Path) -> None:
    assert write_indexes(project) == 22
    profile = load_profile(project)
    paths = {n: [b.path for b in read_index(project, n, profile).blobs] for n in list_tables()}
    assert len(paths["images"]) == 2 * 6
    assert len(paths["masks"]) == 2 * 3
    assert paths["mask_agreement"] == paths["masks"]
    assert paths["features"] == paths["feature_catalog"] == [FEATURES]
    assert paths["clinical"] == paths["outcomes"] == [CLINICAL]
    assert len(paths["blobs"]) == len(paths["cases"]) == 22
    assert all(found == sorted(found) for found in paths.values())
    assert release.is_dir()


def test_the_stage_runs_where_the_naming_part_of_the_profile_changes_and_no_other() -> None:
    stages = read_yaml(ROOT / "dvc.yaml")["stages"]
    (keys,) = (
        keys
        for watched in stages["index"]["params"]
        if isinstance(watched, dict)
        for keys in watched.values()
        if keys
    )
    assert {"name", *keys} == load_profile(ROOT, "phantom").naming().keys()


def test_hash_and_size_are_those_of_the_file(project: Path, release: Path) -> None:
    write_indexes(project)
    for blob in read_index(project, "blobs", load_profile(project)).blobs:
        path = release / blob.path
        assert blob.md5 == md5(path)
        assert blob.size_bytes == path.stat().st_size


def test_form_of_the_file(project: Path, release: Path) -> None:
    lines = texts(project)["masks"].splitlines()
    assert re.fullmatch("# recipe=[0-9a-f]{32} values=[0-9a-f]{32}", lines[0])
    assert lines[1] == "path,md5,size_bytes,rule"
    assert lines[2] == f"{FTV},{md5(release / FTV)},{(release / FTV).stat().st_size},"


def test_an_edit_that_keeps_the_size_is_seen(project: Path, release: Path) -> None:
    """DVC's own builder against hashlib: it trusts time, size and inode, and must not be fooled."""
    before = texts(project)
    path = release / FTV
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    after = texts(project)
    assert md5(path) in after["masks"]
    assert after["masks"] != before["masks"]
    assert after["images"] == before["images"]


def test_an_edit_in_place_that_keeps_size_and_inode_is_seen(project: Path, release: Path) -> None:
    write_indexes(project)
    path = release / MANIFEST
    for _ in range(3):
        with path.open("r+b") as file:
            first = file.read(1)
            file.seek(0)
            file.write(b"0" if first != b"0" else b"1")
        assert md5(path) in texts(project)["blobs"]


def test_only_the_tables_that_read_a_changed_blob_change(project: Path, release: Path) -> None:
    before = texts(project)
    path = release / "masks_stv_manual/ISPY1_9001.nii.gz"
    write_nifti(path, mask_voxels(2, "stv_resunet"))
    after = texts(project)
    changed = {name for name in list_tables() if before[name] != after[name]}
    readers = {name for name in list_tables() if {"", "mask"} & {*import_table(name).TABLE.reads}}
    assert {"blobs", "cases", "masks", "kinetics"} <= readers
    assert changed == readers


def test_listing_order_time_zone_and_time_stamps_do_not_matter(
    project: Path, release: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = texts(project)
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    for path in release.rglob("*.gz"):
        os.utime(path, (1, 1))
    real = dvc.release_hashes

    def reversed_listing(root: Path, folder: Path) -> dict[str, tuple[str, int]]:
        return dict(reversed(real(root, folder).items()))

    monkeypatch.setattr(dvc, "release_hashes", reversed_listing)
    assert texts(project) == before


def test_litter_is_left_out_and_unicode_paths_are_kept(project: Path, release: Path) -> None:
    before = texts(project)
    (release / ".DS_Store").write_bytes(b"x")
    (release / "masks_ftv/._ISPY1_9001.nii.gz").write_bytes(b"x")
    (release / "Thumbs.db").write_bytes(b"x")
    (release / "__MACOSX/masks_ftv").mkdir(parents=True)  # beside what a Mac zipped
    (release / "__MACOSX/masks_ftv/ISPY1_9001.nii.gz").write_bytes(b"x")
    assert texts(project) == before
    own = "masks_größe, neu/ISPY1_9001.nii.gz"
    write_nifti(release / own, mask_voxels(1, "ftv"))
    write_indexes(project)
    paths = [b.path for b in read_index(project, "masks", load_profile(project)).blobs]
    assert own in paths


def test_an_empty_release_has_indexes(project: Path) -> None:
    assert write_indexes(project) == 0
    for name in list_tables():
        assert read_index(project, name, load_profile(project)).blobs == ()


def test_no_release(project: Path) -> None:
    (project / "data/release").rmdir()
    with pytest.raises(UserError, match="no release here"):
        write_indexes(project)


@pytest.mark.parametrize(
    "text",
    [
        "",  # cut short before its header: an empty table must not come of it
        f"{RECIPE}\n",
        f"# recipe={'0' * 32}\npath,md5,size_bytes\n",  # as it was written before
        "path,md5,size_bytes\na,b,1\n",
        f"{RECIPE}\npath,md5\na,b\n",
        f"{RECIPE}\npath,md5,size_bytes,rule\na,b,c,\n",
        f"{RECIPE}\npath,md5,size_bytes,rule\na,b\n",
    ],
)
def test_a_broken_index(project: Path, text: str) -> None:
    path = index_path(project, "masks")
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with pytest.raises(UserError, match="no usable index"):
        read_index(project, "masks", load_profile(project))


def test_a_missing_index(project: Path) -> None:
    with pytest.raises(UserError, match="ispy1 repro"):
        read_index(project, "masks", load_profile(project))


def test_unknown_table() -> None:
    with pytest.raises(UserError, match=r"Tables: .*masks"):
        import_table("tumours")


def test_the_pipeline_names_no_table() -> None:
    """What tables there are, and in which order, follows from their modules alone."""
    path = ROOT / "dvc.yaml"
    assert len(path.read_text().splitlines()) <= 125
    stages = read_yaml(path)["stages"].values()
    named = [stage.get(key) for stage in stages for key in ("cmd", "deps", "outs")]
    assert set(re.findall(r"\w+", str(named))).isdisjoint(list_tables())


def test_the_stage_index_watches_every_param_of_a_table() -> None:
    watched = read_yaml(ROOT / "dvc.yaml")["stages"]["index"]["params"]
    assert {"params.yaml": None} in watched  # all of it
    assert {name for table in list_tables() for name in read_params_of(ROOT, table)}
