"""DICOM MR series of a folder: of each case those that are a volume, with their grid."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from etl.measure.grids import Grid
from etl.model.errors import UserError
from etl.model.profile import Profile

if TYPE_CHECKING:
    from pydicom import Dataset

_GEOMETRY = ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "InstanceNumber")


@dataclass(frozen=True, slots=True)
class Series:
    """A volume of a series. Of a series with several phases: the first after contrast.

    `geometry` is highdicom's, `grid` the same for us: the axes are slices, rows and columns.
    """

    uid: str
    grid: Grid
    geometry: Any
    datasets: Sequence[Dataset]


def find_series(folder: Path, profile: Profile) -> dict[str, list[Series]]:
    """Return the MR series below a folder by case, in the order of their UIDs. Reads headers alone.

    Raises:
        UserError: the folder holds no MR image of a case.
    """
    headers: dict[tuple[str, str], list[Dataset]] = {}
    for header in _read_headers(folder):
        case_id = profile.case_id(header.get("PatientID"))
        if case_id and header.get("Modality") == "MR" and all(name in header for name in _GEOMETRY):
            headers.setdefault((case_id, str(header.SeriesInstanceUID)), []).append(header)
    series = dict[str, list[Series]]()
    for (case_id, uid), datasets in sorted(headers.items()):
        volume = _make_series(uid, datasets)
        if volume:
            series.setdefault(case_id, []).append(volume)
    if not series:
        message = f"{folder}: holds no DICOM MR volume of a case. Name the folder of a series."
        raise UserError(message)
    return series


def _read_headers(folder: Path) -> Iterator[Dataset]:
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError

    for path in sorted(folder.rglob("*")):
        if path.is_file():
            try:
                yield dcmread(path, stop_before_pixels=True)
            except InvalidDicomError:  # other files lie among those of a download
                continue


def _make_series(uid: str, datasets: list[Dataset]) -> Series | None:
    """Return the volume of a series, None where its slices are no regular stack."""
    from highdicom import VolumeGeometry
    from highdicom.spatial import get_volume_positions

    ordered = sorted(
        datasets, key=lambda header: (int(header.InstanceNumber), header.SOPInstanceUID)
    )
    first = ordered[0]
    if any(header.ImageOrientationPatient != first.ImageOrientationPatient for header in ordered):
        return None
    spacing, positions = get_volume_positions(
        [header.ImagePositionPatient for header in ordered],
        first.ImageOrientationPatient,
        allow_duplicate_positions=True,
    )
    if spacing is None or positions is None:
        return None
    stacks = [[h for h, at in zip(ordered, positions, strict=True) if at == n]
              for n in range(max(positions) + 1)]  # fmt: skip
    phase = min(1, min(map(len, stacks)) - 1)
    chosen = [stack[phase] for stack in stacks]
    geometry = VolumeGeometry.from_attributes(
        image_position=chosen[0].ImagePositionPatient,
        image_orientation=first.ImageOrientationPatient,
        rows=first.Rows,
        columns=first.Columns,
        pixel_spacing=first.PixelSpacing,
        spacing_between_slices=spacing,
        number_of_frames=len(chosen),
        coordinate_system="PATIENT",
        frame_of_reference_uid=first.FrameOfReferenceUID,
    )
    return Series(uid, (geometry.spatial_shape, geometry.get_affine("RAS")), geometry, chosen)
