"""A built project with two tagged versions: what happened between them is known.

v1: ISPY1_9001, 9002 and 9003. v2: the expert's mask of 9001 grown by two voxels, the FTV of 9001
packed again, 9002 withdrawn, 9004 added. The working tree is v2.
"""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

from dvc.repo import Repo
from sql.history import commit
from support import FINE_AFFINE, build, make_project, make_release, mask_voxels, write_nifti

from etl.model.project import TABLES

V1 = ("ISPY1_9001", "ISPY1_9002", "ISPY1_9003")
V2 = ("ISPY1_9001", "ISPY1_9003", "ISPY1_9004")
GROWN = "masks_stv_manual/ISPY1_9001.nii.gz"
REPACKED = "masks_ftv/ISPY1_9001.nii.gz"

IGNORED = "".join(
    f"/{name}\n"
    for name in (
        *("data/release", "data/tables", "data/index", "data/findings"),
        *(".dvc/cache", ".dvc/tmp"),
    )
)


def make_story(root: Path) -> Path:
    """The project, with all blobs and tables in its DVC cache."""
    make_project(root)
    (root / ".gitignore").write_text(IGNORED)
    (root / "splits.csv").write_text("case_id,fold,subtype,pcr,dataset\n")
    release = root / "data" / "release"
    make_release(release, V1)
    _version(root, "v1")
    manual = release / GROWN
    shutil.rmtree(release)
    make_release(release, V2)
    voxels = mask_voxels(9001, "stv_manual")
    voxels[1, 1, 1:3] = 1  # two voxels of 1 mm3
    write_nifti(manual, voxels, FINE_AFFINE, forms="q", scl_slope=1, scl_inter=0)
    packed = release / REPACKED
    packed.write_bytes(gzip.compress(gzip.decompress(packed.read_bytes()), 1, mtime=1))
    _version(root, "v2")
    return root


def _version(root: Path, tag: str) -> None:
    build(root)
    tables = sorted(path.name for path in (root / TABLES).glob("*.parquet"))
    outs = "".join(f"      - {TABLES}/{name}: {{persist: true}}\n" for name in tables)
    (root / "dvc.yaml").write_text(f"stages:\n  all:\n    cmd: 'true'\n    outs:\n{outs}")
    with Repo(str(root)) as repo:
        repo.commit(force=True)
        repo.add(str(root / "data" / "release"))
    commit(root, tag)
