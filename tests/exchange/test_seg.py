"""DICOM SEG: highdicom reads the mask's voxels where the NIfTI file has them in the patient."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from engines.conftest import need
from support import CASES, FINE_AFFINE, NATIVE, NATIVE_AFFINE, Array, mask_voxels

import etl
from etl.exchange import export_for, seg
from etl.exchange.target import Options
from etl.measure.grids import invert, to_world
from etl.model.errors import UserError
from etl.model.profile import load_profile

pydicom, highdicom = need("pydicom"), need("highdicom")
N_PHASES = 3
LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
AFFINES = {"ftv": NATIVE_AFFINE, "stv_manual": FINE_AFFINE}
MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4"


def write_series(
    folder: Path, case_id: str, affine: Array = NATIVE_AFFINE, uid: str = "1.2.3"
) -> Path:
    """A series of three phases on the native grid, with rows from superior to inferior.

    Slices run along array axis 2, columns along axis 0, rows along axis 1 from its end.
    """
    folder.mkdir(parents=True, exist_ok=True)
    n_columns, n_rows, n_slices = NATIVE
    spacing = np.sqrt((affine[:3, :3] ** 2).sum(axis=0))
    lps = LPS @ affine
    directions = lps[:3, :3] / spacing
    for number in range(N_PHASES * n_slices):
        k = number % n_slices
        image = pydicom.Dataset()
        image.file_meta = pydicom.dataset.FileMetaDataset()
        image.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        image.SOPClassUID, image.SOPInstanceUID = MR_IMAGE, f"{uid}.{number + 1}"
        image.SeriesInstanceUID, image.StudyInstanceUID = uid, "1.2.3.99"
        image.FrameOfReferenceUID, image.Modality = "1.2.3.98", "MR"
        image.PatientID, image.PatientName = case_id, case_id
        image.PatientBirthDate = image.PatientSex = image.AccessionNumber = ""
        image.ReferringPhysicianName, image.StudyID = "", ""
        image.StudyDate, image.StudyTime = "19850413", "101500"
        image.InstanceNumber, image.SeriesNumber = number + 1, 3
        image.Rows, image.Columns = n_rows, n_columns
        image.PixelSpacing = [spacing[1], spacing[0]]
        image.SliceThickness = 2 * spacing[2]  # as in 16 real cases
        image.ImageOrientationPatient = [*directions[:, 0], *-directions[:, 1]]
        image.ImagePositionPatient = [*(lps @ [0, n_rows - 1, k, 1])[:3]]
        image.BitsAllocated = image.BitsStored = 16
        image.HighBit, image.PixelRepresentation, image.SamplesPerPixel = 15, 0, 1
        image.PhotometricInterpretation = "MONOCHROME2"
        image.PixelData = bytes(2 * n_rows * n_columns)
        image.save_as(folder / f"{number:03}.dcm", enforce_file_format=True)
    (folder / ".DS_Store").write_bytes(b"litter")
    return folder


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_series(tmp_path_factory.mktemp("dicom") / "one" / "series", CASES[0]).parent


@pytest.mark.parametrize("mask_set", AFFINES)
def test_voxels_are_where_the_mask_has_them(
    released: Path, series: Path, tmp_path: Path, mask_set: str
) -> None:
    exported = export_for("seg", released, tmp_path / "out", Options(masks=mask_set, dicom=series))
    assert exported.notes == [f"left out (no MR series of it in the folder): {CASES[1]}"]
    (path,) = exported.paths
    read: Any = highdicom.seg.segread(path)
    volume = read.get_volume(combine_segments=True)
    world = to_world(np.argwhere(volume.array).astype(float), LPS @ volume.affine)
    index = to_world(world, invert(AFFINES[mask_set]))
    assert np.allclose(index, np.rint(index), atol=1e-4)
    expected = np.argwhere(mask_voxels(1, mask_set))
    assert {*map(tuple, np.rint(index).astype(int))} == {*map(tuple, expected)}
    assert read.PatientID == CASES[0]
    assert read.FrameOfReferenceUID == "1.2.3.98"
    assert read.get_segment_description(1).segment_label == mask_set
    kind = read.get_segment_description(1).algorithm_type.value
    assert kind == {"ftv": "SEMIAUTOMATIC", "stv_manual": "MANUAL"}[mask_set]


def test_it_refers_to_the_first_phase_after_contrast(
    released: Path, series: Path, tmp_path: Path
) -> None:
    options = Options(masks="ftv", dicom=series)
    (path,) = export_for("seg", released, tmp_path / "out", options).paths
    instances = pydicom.dcmread(path).ReferencedSeriesSequence[0].ReferencedInstanceSequence
    numbers = {int(item.ReferencedSOPInstanceUID.rpartition(".")[2]) for item in instances}
    assert numbers <= set(range(NATIVE[2] + 1, 2 * NATIVE[2] + 1))
    assert numbers


def test_same_bytes_again(released: Path, series: Path, tmp_path: Path) -> None:
    contents = []
    for name in "ab":
        options = Options(masks="ftv", dicom=series)
        (path,) = export_for("seg", released, tmp_path / name, options).paths
        contents.append(path.read_bytes())
    assert contents[0] == contents[1]


@pytest.mark.parametrize("mask_set", AFFINES)
def test_a_series_of_another_place_is_refused(
    released: Path, tmp_path: Path, mask_set: str
) -> None:
    moved = NATIVE_AFFINE.copy()
    moved[0, 3] += 5.0
    folder = write_series(tmp_path / "dicom", CASES[0], moved)
    with pytest.raises(UserError, match=r"ISPY1_9001: mask and series 1\.2\.3 are .* voxels apart"):
        export_for("seg", released, tmp_path / "out", Options(masks=mask_set, dicom=folder))
    assert not list((tmp_path / "out").glob("*.dcm"))


def test_the_series_that_fits_is_taken(released: Path, tmp_path: Path) -> None:
    moved = NATIVE_AFFINE.copy()
    moved[0, 3] += 5.0
    write_series(tmp_path / "dicom/a", CASES[0], moved, "1.2.3")
    write_series(tmp_path / "dicom/b", CASES[0], NATIVE_AFFINE, "1.2.4")
    options = Options(masks="ftv", dicom=tmp_path / "dicom")
    (path,) = export_for("seg", released, tmp_path / "out", options).paths
    assert pydicom.dcmread(path).ReferencedSeriesSequence[0].SeriesInstanceUID == "1.2.4"


def test_a_folder_without_a_volume_is_refused(released: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no DICOM MR volume of a case"):
        export_for("seg", released, tmp_path / "out", Options(dicom=tmp_path))


def test_without_highdicom_it_says_what_to_install(
    released: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "highdicom", None)
    with pytest.raises(UserError, match="Run `pip install highdicom`"):
        export_for("seg", released, tmp_path / "out", Options(dicom=tmp_path))


def test_without_series_it_names_those_that_are_missing(released: Path) -> None:
    with etl.connect(released) as db:
        assert "no series is known" in seg.describe_missing(db)
    with duckdb.connect() as db:
        db.execute("create table acquisitions as from (values ('Dynamic', '1.2'), "
            "('Dynamic: PE1', '1.3'), ('localizer', '1.4')) as t(series_description, "
            "series_instance_uid), (select 'ISPY1_9001' as case_id, true as is_baseline, 'MR' as "
            "modality, true as has_scanner, '1' as study_instance_uid)")  # fmt: skip
        db.execute("create table masks as select 'ISPY1_9001' as case_id")
        assert "1 are known, such as 1.2 of ISPY1_9001" in seg.describe_missing(db)


def test_roles_have_an_algorithm(released: Path) -> None:
    profile = load_profile(released)
    assert {"expert", "network", "functional"} == seg._ALGORITHMS.keys()
    with etl.connect(released) as db:
        sets = [name for (name,) in db.sql("select distinct mask from masks").fetchall()]
    for name in sets:
        segment: Any = seg._describe_segment(name, profile, "1.2.5")
        assert segment.segmented_property_type.meaning == "Neoplasm"
