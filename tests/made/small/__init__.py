"""A small project with made tables: what the views, queries, folds and exports are tested on.

| case | images | masks | features | clinical | outcomes |
|---|---|---|---|---|---|
| ISPY1_9001 | 6 | 3 | yes | HR+/HER2-, right | pCR |
| ISPY1_9002 | 6 | 3, FTV empty | yes | TN, left | no pCR |
| ISPY1_9003 | 6 | none | yes | HR unknown, left | pCR unknown |
| ISPY1_9004 | 3 z-scored | expert, own set `mine` | no | HER2+, left (centroid right) | none |
| ISPY1_9005 | none | none | yes | none | none |
| ISPY1_9050 | not in the release: the clinical workbook alone | | | yes | yes |
| ISPY1_9060 | not in the release: the Imaging Data Commons alone | | | | |

Baseline scanners and thresholds: 9001 GE 70, 9002 Siemens 90, 9003 Philips 100, 9050 GE 140, 9060
GE without a threshold; 9004 and 9005 have no series.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
from support import copy_code

from made import make_tables, write_tables

FILES = Path(__file__).parent
FEATURES = ("T1_E_Intensity_Mean", "T1_E_Volumetric_Pixels", "T1_E_Volumetric_Volume")
# The expert's mask of 9002 came as another file than the one that is here.
ADOPTED = f"""case_id,mask,path,md5,content_crc32,content_bytes,voxel_digest
ISPY1_9002,stv_manual,masks_stv_manual/ISPY1_9002.nii.gz,{"1" * 32},1,2,other
"""
SPLITS = "case_id,fold,subtype,pcr,dataset\nISPY1_9001,3,HR+/HER2-,true,ISPY1-PHANTOM\n"


def make_project(
    root: Path,
    *,
    without: tuple[str, ...] = (),
    empty: bool = False,
    views: tuple[str, ...] | None = None,
) -> Path:
    """Make a project at `root`, but the tables `without`; `empty`: with no rows.

    `views`: these alone, where no other is asked: all of them take a second of a new process.
    """
    copy_code(
        root, ("params.yaml", "sql", "expectations/profiles", "expectations/known_issues.csv")
    )
    for path in (root / "sql/views").glob("*.sql"):
        if views is not None and path.stem not in views:
            path.unlink()
    (root / "dvc.yaml").write_text("stages: {}\n")
    (root / ".dvc").mkdir()
    (root / "splits.csv").write_text(SPLITS)
    (root / "data").mkdir()
    (root / "data/adopted.csv").write_text(ADOPTED)
    tables = make_tables(FILES / "none" if empty else FILES)
    write_tables(root, {name: table for name, table in tables.items() if name not in without})
    return root


def ask(db: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[Any, ...]]:
    """Return the rows of a query."""
    return db.execute(sql).fetchall()
