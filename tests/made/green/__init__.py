"""A small project whose tables keep every contract: two cases.

Native grid 256 x 256 x 60 at 0.78125 x 0.78125 x 2 mm, 1 mm grid 200 x 200 x 120. Every mask is
5 cm3; ISPY1_9001 is on the right, ISPY1_9002 on the left; ISPY1_9050 is in the clinical workbook
alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from support import copy_code

from etl.gate.report import METRIC, REFERENCE
from etl.measure.ibsi_names import FAMILIES, list_names
from etl.model.params_file import set_params
from etl.model.profile import Profile, load_profile
from etl.model.release import list_blobs_of_case
from made import make_tables, write_tables

CASES = ("ISPY1_9001", "ISPY1_9002")
GRIDS = {
    "native": ((256, 256, 60), (0.78125, 0.78125, 2.0)),
    "1mm": ((200, 200, 120), (1.0, 1.0, 1.0)),
}
# What an earlier run of the gate recorded. One mask set, so that the breaks of the others, which
# move the quantiles of two cases far, are no drift.
DRIFT_REFERENCE = {
    "tag": "v0",
    "dataset": "ISPY1-PHANTOM",
    "masks_md5": "0" * 32,
    "volumes": {"stv_resunet": {"p10": 5.0, "median": 5.0, "p90": 5.0}},
}


def make_project(root: Path) -> Path:
    """Make a project at `root` whose gate is green."""
    copy_code(root, ("expectations", "params.yaml", "sql"))
    (root / "dvc.yaml").write_text("stages: {}\n")
    set_params(root / "params.yaml", {"phantom.cases": 2})
    (root / "reports").mkdir()
    (root / METRIC).write_text(json.dumps({REFERENCE: DRIFT_REFERENCE}))
    given = {
        name: pa.Table.from_pylist(rows) for name, rows in _read_profile(load_profile(root)).items()
    }
    tables = make_tables(Path(__file__).parent, given)
    del tables["gate_results"]  # the gate writes it
    write_tables(root, tables)
    return root


def _read_profile(profile: Profile) -> Mapping[str, list[dict[str, Any]]]:
    """Return what the files of SQL read: the profile's names, as tables."""
    constants = profile.thresholds["constant_features"].value
    assert isinstance(constants, Sequence)
    return {
        "volumes": [volume for case in CASES for volume in _volumes(case, profile)],
        "files": [
            {"artefact": artefact, "path": profile.files[artefact][0]}
            for artefact in ("features", "clinical", "captk_parameters", "acquisitions")
        ],
        "mask_sets": [
            {"mask": mask, "grid": declared.grid, "position": position}
            for position, (mask, declared) in enumerate(profile.masks.items())
        ],
        "image_sets": [
            {"image_set": name, "grid": declared.grid}
            for name, declared in profile.image_sets.items()
        ],
        "constants": [{"feature": name} for name in constants],
        "ibsi_features": [
            {"feature": feature, "is_shape": family == FAMILIES[0]}
            for family in FAMILIES
            for feature in list_names(family)
        ],
    }


def _volumes(case: str, profile: Profile) -> Iterator[dict[str, Any]]:
    """Yield the images and masks of a case with what their headers say."""
    for name in list_blobs_of_case(case, profile):
        declared = profile.masks.get(str(name.mask))
        grid = declared.grid if declared else profile.image_sets[str(name.image_set)].grid
        size, (x, y, z) = GRIDS[grid]
        yield {
            "case_id": case, "path": name.path, "voxel_digest": name.path,
            "artefact": name.artefact, "mask": name.mask, "image_set": name.image_set,
            "phase": name.phase, "stored_values": declared and list(declared.stored_values),
            **dict(zip(("size_x", "size_y", "size_z"), size, strict=True)),
            "spacing_x_mm": x, "spacing_y_mm": y, "spacing_z_mm": z, "voxel_volume_mm3": x * y * z,
            "affine": [x, 0, 0, 10, 0, y, 0, 20, 0, 0, z, 30, 0, 0, 0, 1.0],
        }  # fmt: skip
