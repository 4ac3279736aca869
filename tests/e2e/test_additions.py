"""A table, a view, a contract and a command are added as CONTRIBUTING says, and are there."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path

from support import ROOT
from tracked import Tracked

from e2e.conftest import Clone

TABLE = '''"""The table `extents`: how long masks are along their array axes."""

from __future__ import annotations

import polars as pl

from etl.model.schema import CASE_ID, Table, parse_columns
from etl.tables.unit import Assembled, Context

TABLE = Table(
    name="extents",
    grain="One row per tumour mask with foreground",
    key=("case_id", "mask"),
    columns=(
        CASE_ID,
        *parse_columns("""
        mask string Mask set
        length_voxels int64 [voxels] Longest side of the box around the foreground
        """),
    ),
    per="tables",
    needs=("masks",),
    references={"case_id": "cases"},
)


def assemble(values: pl.DataFrame, context: Context) -> Assembled:
    """Return the longest side of each mask's box."""
    del values
    sides = [pl.col(f"bbox_max_{a}") - pl.col(f"bbox_min_{a}") + 1 for a in "xyz"]
    masks = context.table("masks").filter(pl.col("voxel_count") > 0)
    length = pl.max_horizontal(sides).alias("length_voxels")
    return Assembled(masks.select("case_id", "mask", length))
'''
SUITE = """there_is: a mask with a length
contracts:
- notes: A mask is at least one voxel long
  expect_column_values_to_be_between: {column: length_voxels, min_value: 1}
"""
FRAME = """-- The extents of masks.
-- grain: one row per mask
select
    case_id,
    mask as item,
    length_voxels
from extents
order by case_id, item
"""
VIEW = """-- The longest mask of each case.
-- grain: one row per case
-- key: case_id
-- source: extents
-- columns:
--   case_id: Case
--   length_voxels: Longest side of the box of any of its masks [voxels]
select
    case_id,
    max(length_voxels) as length_voxels
from extents
group by case_id
"""
CONTRACT = """- notes: No mask is larger than a cubic metre
  expect_column_values_to_be_between: {column: volume_rounded_cm3, max_value: 1000000}
  severity: warning
  fix: See the mask.
"""
COMMAND = '''"""`ispy1 hello`: greet."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Add the command of this topic."""
    app.command()(hello)


def hello() -> None:
    """Greet whoever asks.

    Examples:
    - `ispy1 hello`
    """
    typer.echo("Hello.")
'''
FILES = {
    "etl/tables/extents.py": TABLE,
    "expectations/contracts/extents.yaml": SUITE,
    "expectations/frames/extents.sql": FRAME,
    "sql/views/longest.sql": VIEW,
    "etl/cli/hello.py": COMMAND,
}


def add_all(root: Path) -> None:
    for path, text in FILES.items():
        (root / path).write_text(text)
    masks = root / "expectations/contracts/masks.yaml"
    masks.write_text(masks.read_text().rstrip("\n") + "\n" + CONTRACT)


# One process, with the clone's own code, does all: the start of each would prove nothing.
ASK = """
import json, sys
from pathlib import Path
from e2e.inside import ask, reproduce
root = Path.cwd()
accepted = ask(root, "ispy1 gate --accept-contracts")
exit_code, said = reproduce(root)
answers = [ask(root, command).stdout for command in sys.argv[1:]]
print()
print(json.dumps([accepted.exit_code, exit_code, said, answers]))  # the last line: DVC speaks, too
"""
JUDGED = "select expectation, success from gate_results where suite in ('extents', 'masks')"


def test_what_is_added_is_found_everywhere(built: Clone, tmp_path: Path) -> None:
    clone = Tracked(built.copy(tmp_path / "clone").root)  # its own code runs in it
    add_all(clone.root)
    commands = (
        "ispy1 sql -f csv 'select min(length_voxels) > 1 from longest'",
        "ispy1 describe extents",
        "ispy1 why longest.length_voxels ISPY1_9001",
        f'ispy1 sql -f json "{JUDGED}"',
        "ispy1 --help",
    )
    path = os.pathsep.join((str(clone.root), str(ROOT / "tests")))
    asked = f"python -c {shlex.quote(ASK)} {shlex.join(commands)}"
    done = json.loads(clone.do(asked, env={"PYTHONPATH": path}).stdout.splitlines()[-1])
    accepted, exit_code, said, (answer, described, why, judged, helped) = done
    assert (accepted, exit_code) == (0, 0)
    assert "extents: 6 rows" in said["tables"]
    assert answer.split()[-1] == "true"
    assert "Longest side of the box around the foreground" in described
    assert "masks_stv_manual/ISPY1_9001.nii.gz" in why
    words = {row["expectation"]: row["success"] for row in json.loads(judged)}
    assert words["A mask is at least one voxel long"]
    assert words["No mask is larger than a cubic metre"]
    assert "extents" in (clone.root / "reports/card.md").read_text()
    assert "hello" in helped
    assert clone.run("ispy1 hello") == "Hello.\n"
