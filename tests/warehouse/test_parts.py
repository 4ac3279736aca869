"""Tables of one file per case: at every version, in the shell, and nothing beside them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from support import CASES

import etl
from etl.ask.why import why
from etl.model.errors import UserError
from etl.model.store import part_path
from etl.warehouse import query

CASE, OTHER = CASES
COUNT = "select count(*) from {}voxels where case_id = 'ISPY1_9001'"


def test_a_condition_on_the_case_opens_its_file_alone(built: Path) -> None:
    with etl.connect(built) as db:
        sql = "explain select sum(z0) from voxels where case_id = 'ISPY1_9001'"
        plan = db.execute(sql).fetchall()[0][1]
    assert "Files: 1/2" in " ".join(plan.split())


def test_versions_stand_beside_each_other(story: Path) -> None:
    with etl.connect(story, rev="v2", attach={"old": "v1"}) as db:
        ((now,),), ((then,),) = (db.execute(COUNT.format(c)).fetchall() for c in ("", "old."))
        ((listed,),) = db.execute("select sum(n_voxels) from old.voxel_files").fetchall()
        ((counted,),) = db.execute("select count(*) from old.voxels").fetchall()
        ours, theirs = (
            db.execute(f"select sum(n_voxels) from {c}enhancing_volume(70)").fetchall()
            for c in ("", "old.")
        )
    assert now > then > 0
    assert counted == listed
    assert ours != theirs


def test_a_question_from_outside_reads_them_and_no_other_file(story: Path) -> None:
    attached = {"old": "v1"}
    result = query.run(f"select ({COUNT.format('old.')}), * from enhancing_volume(70)", story,
                       rev="v2", attach=attached)  # fmt: skip
    assert len(list(result.rows())) == 9
    with query.connect_restricted(story) as db:
        folder = story / "data/tables"
        for path in (folder / "masks.parquet", part_path(folder, "voxels", CASE)):
            with pytest.raises(UserError, match="not allowed"):
                query.execute(db, f"from read_parquet('{path}')", story)


def test_readers_keep_what_they_opened(rebuilt: Path) -> None:
    (rebuilt / ".dvc").mkdir(exist_ok=True)
    with etl.connect(rebuilt) as db:
        before = db.execute("select count(*) from voxels").fetchall()
        shutil.rmtree(rebuilt / "data/tables/voxels")
        assert db.execute("select count(*) from voxels").fetchall() == before


def test_files_that_are_not_here_are_said_to_be_missing(rebuilt: Path) -> None:
    shutil.rmtree(rebuilt / "data/tables/voxels")
    with pytest.raises(UserError, match="voxels is not built yet"):
        query.run("from voxels", rebuilt)
    with pytest.raises(UserError, match="enhancing_volume is not built yet"):
        query.run("from enhancing_volume(70)", rebuilt)


def test_a_macro_without_parameters_is_explained(rebuilt: Path) -> None:
    with pytest.raises(UserError, match="enhancing_volume is a macro: give its parameters"):
        query.run("from enhancing_volume", rebuilt)
    with pytest.raises(UserError, match="enhancing_volume is a macro, and its rows depend"):
        why(rebuilt, "enhancing_volume.n_voxels", [CASE])
