"""Masks as DICOM SEG, where the series of the trial that they were drawn on are at hand.

highdicom takes a mask in its own grid and the series' frame of reference: a mask on the 1 mm grid
stays on it. What is random or of this moment in a SEG comes from what it is made of instead.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

import etl
from etl.exchange.cases import (
    QUERIES,
    Mask,
    find_set,
    read_folds,
    read_masks,
    refuse_changed,
)
from etl.exchange.facts import PACKAGE
from etl.exchange.labels import select_foreground
from etl.exchange.series import Series, find_series
from etl.exchange.target import Exported, Options, list_reasons, require_folder
from etl.exchange.verdict import find_unsound
from etl.measure.arrays import Array
from etl.measure.grids import Grid, find_corners, invert, to_world
from etl.model.errors import UserError
from etl.model.profile import Profile, load_profile
from etl.model.store import write_atomically
from etl.read.nifti import read_volume
from etl.warehouse.export import open_target

_SYNTHETIC = (
    "--dicom FOLDER is missing, and the series of this release are synthetic: no archive has them. "
    "Take the true release, or name a folder of series of your own."
)
# What made a mask, by its role, and its family in DICOM's context group 7162. Of a user's own masks
# nothing is known.
_ALGORITHMS = {
    "expert": ("MANUAL", "radiologist", "ManualProcessing"),
    "network": ("AUTOMATIC", "3D residual U-Net", "ArtificialIntelligence"),
    "functional": ("SEMIAUTOMATIC", "signal enhancement ratio", "MultispectralProcessing"),
}
_OWN_ALGORITHM = ("SEMIAUTOMATIC", "unknown", "ArtificialIntelligence")
_ONE_GRID, _ONE_BOX = 0.1, 1.0  # voxels between corners, of one size and of another resolution
_LONGEST = 64  # characters of a DICOM LO
_MOMENTS = (
    ("ContentDate", "ContentTime"),
    ("InstanceCreationDate", "InstanceCreationTime"),
    ("SeriesDate", "SeriesTime"),
)


def export(root: Path, target: Path, options: Options) -> Exported:
    """Write one SEG per case that has a mask and a series.

    Raises:
        UserError: see export_for(); also where no series is at hand, or none of a case with a mask.
    """
    profile = load_profile(root)
    if options.dicom is None:
        with etl.connect(root) as connection:
            raise UserError(_SYNTHETIC if profile.is_phantom else describe_missing(connection))
    if not options.dicom.is_dir():
        message = f"--dicom {options.dicom}: no such folder. Name the folder of the series."
        raise UserError(message)
    if find_spec("highdicom") is None:
        message = "highdicom is not installed. Run `pip install highdicom`."
        raise UserError(message)
    release = require_folder(root)
    mask_set = options.masks or find_set(profile, "expert")
    with etl.connect(root) as connection:
        masks, case_ids = read_masks(connection, mask_set), list(read_folds(connection))
    refuse_changed(root, release, {mask.path: mask.md5 for mask in masks.values()})
    unsound = find_unsound(root) if options.sound else {}
    series = find_series(options.dicom, profile)
    paths, left_out = list[Path](), dict[str, str]()
    with open_target(root, target, force=options.force):
        for done, case_id in enumerate(case_ids):
            options.progress(done, len(case_ids))
            content = unsound.get(case_id) or _make_seg(
                release, masks.get(case_id), mask_set, series.get(case_id, []), profile
            )
            if isinstance(content, str):
                left_out[case_id] = content
                continue
            paths.append(target / f"{case_id}_{mask_set}.dcm")
            write_atomically(paths[-1], lambda path, data=content: path.write_bytes(data))
    if not paths:
        case_id, reason = next(iter(left_out.items()))
        message = f"No SEG can be written. {case_id}: {reason}. Name another --dicom."
        raise UserError(message)
    cases = [case_id for case_id in case_ids if case_id not in left_out]
    return Exported(paths, list_reasons(left_out.items()), cases)


def _make_seg(
    release: Path, mask: Mask | None, mask_set: str, series: Sequence[Series], profile: Profile
) -> bytes | str:
    """Return the SEG of a case, or why it has none."""
    if mask is None:
        return f"no readable mask {mask_set}"
    chosen = _choose_series(series, mask)
    if isinstance(chosen, str):
        return chosen
    bits = select_foreground(read_volume(release / mask.path), mask, profile)
    return _encode(bits, mask, mask_set, chosen, profile) if bits.any() else "the mask is empty"


def describe_missing(connection: duckdb.DuckDBPyConnection) -> str:
    """Return a sentence that names the series of masks, and where they are."""
    rows = connection.execute(QUERIES["series"]).fetchall()
    if not rows:
        return "--dicom FOLDER is missing, and no series is known. Run `ispy1 idc --help`."
    case_id, uid = rows[0]
    return (
        f"--dicom FOLDER is missing: a SEG needs the DCE series that the mask was drawn on. "
        f"{len(rows)} are known, such as {uid} of {case_id}: `pip install idc-index` and "
        f"`idc download {uid}` bring one; acquisitions.series_instance_uid has all."
    )


def _choose_series(candidates: Sequence[Series], mask: Mask) -> Series | str:
    """Return the series that a mask lies in; if there is none, why."""
    if not mask.is_usable:
        return "the mask holds several values, and no rule says which are foreground"
    reasons = list[str]()
    for series in candidates:
        distance = measure_distance(mask.grid, series.grid)
        is_one_size = sorted(mask.grid[0]) == sorted(series.grid[0])
        if distance <= (_ONE_GRID if is_one_size else _ONE_BOX):
            return series
        reasons.append(f"mask and series {series.uid} are {distance:.3g} of its voxels apart")
    return min(reasons, default="no MR series of it in the folder")


def measure_distance(mask: Grid, series: Grid) -> float:
    """Return how far the corners of two grids are apart, in voxels of the series.

    The axes of the one may be in another order, or run the other way.
    """
    ends = find_corners(np.eye(4), series[0])
    corners = to_world(find_corners(mask[1], mask[0]), invert(series[1]))
    between = np.abs(corners[:, None] - ends[None]).max(axis=2)
    return float(max(between.min(axis=0).max(), between.min(axis=1).max()))


def _encode(bits: Array, mask: Mask, mask_set: str, series: Series, profile: Profile) -> bytes:
    """Return a SEG with one segment: the same bytes for the same mask and series."""
    from highdicom.seg import Segmentation
    from pydicom.uid import generate_uid

    series_uid, instance_uid, tracking_uid, dimensions_uid = (
        generate_uid(entropy_srcs=[PACKAGE, mask_set, mask.md5, series.uid, kind])
        for kind in ("series", "instance", "tracking", "dimensions")
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the trial's names of patients are no persons' names
        segmentation = Segmentation(
            source_images=series.datasets,
            pixel_array=_orient(bits, mask.grid[1], series),
            segmentation_type="BINARY",
            segment_descriptions=[_describe_segment(mask_set, profile, tracking_uid)],
            series_instance_uid=series_uid,
            series_number=1,
            sop_instance_uid=instance_uid,
            instance_number=1,
            manufacturer="ispy1",
            manufacturer_model_name=PACKAGE,
            software_versions=version(PACKAGE),
            device_serial_number="none",
            series_description=f"{mask_set} of {profile.dataset}"[:_LONGEST],
        )
    _fix(segmentation, dimensions_uid)
    buffer = io.BytesIO()
    segmentation.save_as(buffer)
    return buffer.getvalue()


def _orient(bits: Array, affine: Array, series: Series) -> Any:  # noqa: ANN401  highdicom's volume
    """Return a mask whose slices, rows and columns run as those of the series do."""
    from highdicom import Volume

    frame = series.geometry.frame_of_reference_uid
    volume = Volume(bits, affine, "PATIENT", frame, from_reference_convention="RAS")
    return volume.match_orientation(series.geometry)


def _describe_segment(mask_set: str, profile: Profile, tracking_uid: str) -> Any:  # noqa: ANN401
    from highdicom import AlgorithmIdentificationSequence
    from highdicom.seg import SegmentDescription
    from pydicom.sr.codedict import codes

    roles = {name: role for role, name in profile.sets.items()}
    kind, name, family = _ALGORITHMS.get(roles.get(mask_set, ""), _OWN_ALGORITHM)
    code = getattr(codes.cid7162, family)
    algorithm = AlgorithmIdentificationSequence(name, code, "unknown")
    return SegmentDescription(
        segment_number=1,
        segment_label=mask_set[:_LONGEST],
        segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
        segmented_property_type=codes.SCT.Neoplasm,
        algorithm_type=kind,
        algorithm_identification=None if kind == "MANUAL" else algorithm,
        tracking_uid=tracking_uid,
        tracking_id=mask_set[:_LONGEST],
        anatomic_regions=[codes.SCT.Breast],
    )


def _fix(segmentation: Any, dimensions_uid: str) -> None:  # noqa: ANN401  highdicom's
    """Put what it is made of in the place of what is random, or of this moment."""
    day = segmentation.get("StudyDate") or "19000101"
    for date, time in _MOMENTS:
        if date in segmentation:
            setattr(segmentation, date, day)
            setattr(segmentation, time, "120000")
    for equipment in segmentation.get("ContributingEquipmentSequence", ()):
        equipment.ContributionDateTime = f"{day}120000"
    for item in (*segmentation.DimensionOrganizationSequence, *segmentation.DimensionIndexSequence):
        item.DimensionOrganizationUID = dimensions_uid
