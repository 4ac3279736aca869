"""Small inputs for tests: exact NIfTI bytes, a release of two cases, workbooks.

The release has the form of the real one with volumes of a few hundred voxels: native grid
12 x 10 x 8 at 1.5 x 1.5 x 2 mm, 1 mm grid 18 x 15 x 16, axes PSR, first voxel centres shared.
"""

from __future__ import annotations

import datetime as dt
import gzip
import hashlib
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import nibabel as nib
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import xlsxwriter

from etl.build.index import write_indexes
from etl.build.run import Built, build_tables
from etl.model import project
from etl.model.params_file import set_params
from etl.model.profile import load_profile
from etl.model.release import list_blobs_of_case
from etl.model.store import read_table, table_path
from etl.read.idc import COLUMNS

ROOT = Path(__file__).resolve().parents[1]
Array = npt.NDArray[Any]
Row = dict[str, Any]
Cell = float | str | tuple[str, float | str] | None

CASES = ("ISPY1_9001", "ISPY1_9002")
TRIAL_ONLY = "ISPY1_9050"  # in the clinical workbook, not in the release
NATIVE = (12, 10, 8)
FINE = (18, 15, 16)
ZERO_LEVEL = np.float32(-1.4145595)  # the minimum that the three z-scored phases share
SLOPE = np.float32(1 / 255)
EXTENSION = b"written by a scanner"

FEATURES = "ISPY_DataPaper_features.xlsx"
CLINICAL = "I-SPY 1 All Patient Clinical and Outcome Data.xlsx"
MANIFEST = "ISPY1-Tumor-SEG-Radiomics.sums"
SLICE = "idc_series.parquet"
CLINICAL_SHEET = "TCIA Patient Clinical Subset"
OUTCOMES_SHEET = "TCIA Outcomes Subset"
# git ignores it, and DVC would count it.
LITTER = shutil.ignore_patterns("__pycache__", ".*_cache", ".hypothesis")
CODE = (".dvc/config", ".dvcignore", "dvc.yaml", "expectations", "params.yaml", "sql")


# --- NIfTI -------------------------------------------------------------------------------------


def psr(
    spacing: tuple[float, float, float], origin: tuple[float, ...] = (60.0, 40.0, -30.0)
) -> Array:
    """An affine whose axes increase to posterior, superior and right."""
    affine = np.eye(4)
    affine[:3, :3] = 0.0
    affine[1, 0], affine[2, 1], affine[0, 2] = -spacing[0], spacing[1], spacing[2]
    affine[:3, 3] = origin
    return affine


NATIVE_AFFINE = psr((1.5, 1.5, 2.0))
FINE_AFFINE = psr((1.0, 1.0, 1.0))


def nifti_bytes(
    array: Array,
    affine: Array = FINE_AFFINE,
    *,
    version: int = 1,
    endianness: Literal["<", ">"] = "<",
    forms: str = "qs",
    extension: bytes = b"",
    **fields: Any,  # noqa: ANN401  header fields are of many types
) -> bytes:
    """The exact bytes of a `.nii`: header, extension, voxels.

    Args:
        array: the stored voxels; their dtype is the stored one.
        affine: what the forms say.
        version: NIfTI 1 or 2.
        endianness: `<` or `>`.
        forms: which are set: `q`, `s`, both or none.
        extension: content of a header extension.
        fields: header fields as stored, set last (`scl_slope=0`, `dim=[...]`, `pixdim=...`).
    """
    kind: Any = nib.Nifti1Header if version == 1 else nib.Nifti2Header
    header = kind(endianness=endianness)
    header.set_data_shape(array.shape)
    header.set_data_dtype(array.dtype)
    header.set_xyzt_units("mm")
    header.set_zooms(np.sqrt((affine[:3, :3] ** 2).sum(axis=0)).tolist() + [1.0] * (array.ndim - 3))
    if "q" in forms:
        header.set_qform(affine, 1)
    if "s" in forms:
        header.set_sform(affine, 1)
    flag, body = b"\0\0\0\0", b""
    if extension:
        length = -(-(len(extension) + 8) // 16) * 16
        words = np.array([length, 6], f"{endianness}i4").tobytes()
        flag, body = b"\1\0\0\0", words + extension.ljust(length - 8, b"\0")
    header["vox_offset"] = len(header.binaryblock) + len(flag) + len(body)
    header["magic"] = b"n+1" if version == 1 else b"n+2\0\r\n\x1a\n"
    for name, value in fields.items():
        header[name] = value
    voxels = array.astype(array.dtype.newbyteorder(endianness)).tobytes(order="F")
    return bytes(header.binaryblock) + flag + body + voxels


def write_nifti(path: Path, array: Array, affine: Array = FINE_AFFINE, **header: Any) -> Path:  # noqa: ANN401
    """Write such bytes, compressed where the name says so. The same arguments, the same bytes."""
    content = nifti_bytes(array, affine, **header)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)
    return path


def by_nibabel(path: Path) -> Any:  # noqa: ANN401  nibabel is not typed
    """The image as nibabel reads it."""
    return nib.load(path)


def ball(size: tuple[int, ...], centre: tuple[float, ...], radius: float) -> Array:
    """Bool, shape `size`: voxel centres within `radius` voxels of `centre`."""
    index = np.indices(size).astype(np.float64)
    away = sum((index[axis] - centre[axis]) ** 2 for axis in range(3))
    inside: Array = np.asarray(away) <= radius**2
    return inside


# --- a release of two cases --------------------------------------------------------------------


def dce_signal(seed: int, phase: int, size: tuple[int, ...], spacing: tuple[float, ...]) -> Array:
    """A smooth breast with a tumour that takes up contrast and lets a little of it go, 0 to 3.

    One function of place on both grids, with 1 % of noise.
    """
    x, y, z = (np.arange(n) * s for n, s in zip(size, spacing, strict=True))
    waves = np.sin(x / 5 + seed)[:, None, None] * np.cos(y / 4)[None, :, None] * np.sin(z / 6)
    away = ((x - 9) ** 2)[:, None, None] + ((y - 7) ** 2)[None, :, None] + (z - 8) ** 2
    rise = (0.0, 1.2, 1.1)[phase] * np.clip(6 - np.sqrt(away), 0, 1)
    draw = np.random.default_rng([seed, phase, size[0]])
    noisy: Array = (0.7 + 0.3 * waves) * (1 + rise) * draw.normal(1, 0.01, size)
    return noisy


def n3_image(seed: int, phase: int) -> Array:
    """Int16 on the native grid, 0 and 32767 in two corners; one scale for the phases."""
    image: Array = (12000 * dce_signal(seed, phase, NATIVE, (1.5, 1.5, 2.0))).astype(np.int16)
    image[0, 0, 0], image[-1, -1, -1] = 0, 32767
    return image


def zscored_image(seed: int, phase: int) -> Array:
    """Float32 on the 1 mm grid, never below the zero level."""
    signals = dce_signal(seed, phase, FINE, (1.0, 1.0, 1.0))
    image: Array = (2.5 * signals).astype(np.float32) + ZERO_LEVEL
    image[0, 0, 0] = ZERO_LEVEL
    return image


def mask_voxels(seed: int, mask: str) -> Array:
    """The voxels of a mask as they are stored: FTV {0, 255} uint8, the others {0, 1} float32."""
    place = (seed - 1) % 4  # no two of four cases have the same mask
    if mask == "ftv":
        return ball(NATIVE, (6 - place // 2, 5, 4), 2.0 + seed % 2).astype(np.uint8) * np.uint8(255)
    radius = 4.0 if mask == "stv_manual" else 3.0
    voxels = ball(FINE, (9, 7, 7 + place), radius)
    voxels[1, 1, 1] = mask == "stv_resunet"  # a satellite
    return voxels.astype(np.float32)


def make_release(release: Path, cases: tuple[str, ...] = CASES) -> Path:
    """Blobs, both workbooks, the parameter file and the publisher's manifest."""
    profile = load_profile(ROOT, "phantom")
    for case in cases:
        number = int(case[-4:])
        for name in list_blobs_of_case(case, profile):
            path = release / name.path
            if name.artefact == "image_n3":
                array = n3_image(number, name.phase or 0)
                write_nifti(path, array, NATIVE_AFFINE, scl_slope=0, extension=EXTENSION)
            elif name.artefact == "image_zscored":
                array = zscored_image(number, name.phase or 0)
                write_nifti(path, array, forms="q", scl_slope=1, scl_inter=0)
            elif name.mask == "ftv":
                voxels = mask_voxels(number, "ftv")
                write_nifti(path, voxels, NATIVE_AFFINE, scl_slope=SLOPE, xyzt_units=10)
            else:
                voxels = mask_voxels(number, str(name.mask))
                write_nifti(path, voxels, forms="q", scl_slope=1, scl_inter=0)
    write_features(release / FEATURES, feature_rows(cases))
    write_clinical(release / CLINICAL, cases=(*cases, TRIAL_ONLY))
    (release / "captk_parameter_file_ispy1.csv").write_text(
        "FeatureName,ParamName,Type,Range,Default,Comments\nGLCM,Bins,Int,2:256,64,a;b|c:d\n"
    )
    write_manifest(release)
    return release


def write_manifest(release: Path) -> Path:
    """The manifest of the blobs that are there, with the publisher's roots, unordered."""
    path = release / MANIFEST
    lines = [
        f"{md5(blob)} ISPY1-Tumor-SEG-Radiomics/NIfTI-Files/{blob.relative_to(release).as_posix()}"
        for blob in sorted(release.rglob("*.nii.gz"), reverse=True)
    ]
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


FEATURE_NAMES = (
    "T1_E_Intensity_Mean",
    "T1_E_Volumetric_Pixels",
    "T1_E_Histogram_Bins-128_Bins-128_Bin-7_Frequency",
    "T1_E_Morphologic_EllipseDiameter_Axis-0",
    "T1_E_NGTDM_Busyness",
    "T1_E_LBP_Radius-3_Bins-128_LBP",
)


def feature_rows(cases: tuple[str, ...] = CASES) -> list[list[Cell]]:
    """Header and one row per case; the first value is a third, the last column is constant."""
    rows: list[list[Cell]] = [["SubjectID", *FEATURE_NAMES]]
    for number, case in enumerate(cases, 1):
        rows.append(
            [int(case[-4:]), number / 3, 250.0 + number, 7 * number, 12.5 * number, None, 1]
        )
    return rows


def write_features(path: Path, rows: list[list[Cell]]) -> Path:
    """A features workbook of one sheet."""
    return write_workbook(path, {"Sheet1": rows})


CLINICAL_HEADER = (
    "SUBJECTID", "DataExtractDt", "age", "race_id", "ERpos", "PgRpos", "HR Pos", "Her2MostPos",
    "HR_HER2_CATEGORY", "HR_HER2_STATUS", "BilateralCa", "Laterality", "MRI LD Baseline",
    "MRI LD 1-3dAC", "MRI LD InterReg", "MRI LD PreSurg",
)  # fmt: skip
OUTCOMES_HEADER = (
    "SUBJECTID", "DataExtractDt", "sstat", "survDtD2 (tx)", "RFS", "rfs_ind", "PCR", "RCBClass",
)  # fmt: skip
_DAY = "2011-11-07"


def clinical_row(case: str, **cells: Cell) -> list[Cell]:
    """One subject as the sheet spells it; the HR_HER2 cells are formulas."""
    row: dict[str, Cell] = dict.fromkeys(CLINICAL_HEADER, 1.0)
    row |= {
        "SUBJECTID": int(case[-4:]),
        "DataExtractDt": _DAY,
        "age": 38.73,
        "HR_HER2_CATEGORY": ("=IF(1,1,0)", 1),
        "HR_HER2_STATUS": ('=IF(1,"HRposHER2neg","")', "HRposHER2neg"),
        "BilateralCa": 0,
        "Laterality": 2,
        "MRI LD Baseline": 88,
        "MRI LD PreSurg": 0,
    }
    return list((row | cells).values())


def outcomes_row(case: str, **cells: Cell) -> list[Cell]:
    """One subject of the outcomes sheet."""
    row: dict[str, Cell] = {
        "SUBJECTID": int(case[-4:]), "DataExtractDt": _DAY, "sstat": 8, "survDtD2 (tx)": 1264,
        "RFS": 751, "rfs_ind": 1, "PCR": 0, "RCBClass": 2,
    }  # fmt: skip
    return list((row | cells).values())


def write_clinical(
    path: Path,
    *,
    cases: tuple[str, ...] = (*CASES, TRIAL_ONLY),
    clinical: list[list[Cell]] | None = None,
    outcomes: list[list[Cell]] | None = None,
    sheets: tuple[str, str] = (CLINICAL_SHEET, OUTCOMES_SHEET),
) -> Path:
    """The clinical workbook of four sheets; `clinical` and `outcomes` are rows without header."""
    clinical = [clinical_row(case) for case in cases] if clinical is None else clinical
    outcomes = [outcomes_row(case) for case in cases] if outcomes is None else outcomes
    return write_workbook(
        path,
        {
            "Clinical Data Dictionary": [["I-SPY 1 TRIAL:", "ACRIN 6657"], ["age", "years"]],
            sheets[0]: [list(CLINICAL_HEADER), *clinical],
            "Outcome Data Dictionary": [["I-SPY TRIAL:"], ["sstat"]],
            sheets[1]: [list(OUTCOMES_HEADER), *outcomes],
        },
    )


def series_row(uid: str, case: str = CASES[0], **cells: Any) -> Row:  # noqa: ANN401
    """One series of the slice, an image of the scanner, as IDC spells it."""
    return {
        "PatientID": case,
        "PatientAge": "038Y",
        "PatientSex": "F",
        "StudyInstanceUID": "2.25.1",
        "StudyDate": "1985-04-13",
        "SeriesInstanceUID": uid,
        "SeriesDate": "1985-04-13",
        "SeriesNumber": "3",
        "SeriesDescription": "Dynamic-3dfgre",
        "Modality": "MR",
        "sop_class_name": "MR Image Storage",
        "Manufacturer": "GE MEDICAL SYSTEMS",
        "ManufacturerModelName": "GENESIS_SIGNA",
        "instanceCount": 180,
        "series_size_MB": 24.5,
        "license_short_name": "CC0 1.0",
        "source_DOI": "10.5072/x",
        "crdc_series_uuid": "0" * 8,
    } | cells


def write_slice(path: Path, rows: list[Row]) -> Path:
    """A slice of the Imaging Data Commons."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, pa.schema(list(COLUMNS.items()))), path)
    return path


def write_workbook(path: Path, sheets: dict[str, list[list[Cell]]]) -> Path:
    """A workbook; a cell that is a tuple is a formula and its computed value ("": none)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with xlsxwriter.Workbook(str(path)) as book:
        book.set_properties({"created": dt.datetime(2020, 1, 1, tzinfo=dt.UTC)})
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            for y, row in enumerate(rows):
                for x, cell in enumerate(row):
                    if isinstance(cell, tuple):
                        sheet.write_formula(y, x, cell[0], None, cell[1])
                    elif isinstance(cell, str):
                        sheet.write_string(y, x, cell)
                    elif cell is not None:
                        sheet.write_number(y, x, cell)
    return path


# --- a project ---------------------------------------------------------------------------------


def copy_code(root: Path, names: Iterable[str] = CODE) -> None:
    """Copy files and folders of this project, without what a developer's tools leave there."""
    for name in names:
        source, target = ROOT / name, root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=LITTER)
        else:
            shutil.copy2(source, target)


def make_project(root: Path, release: str = "data/release") -> Path:
    """A copy of this project's settings, with git, whose release is an empty folder."""
    copy_code(root)
    set_params(root / "params.yaml", {"release": release, "phantom.cases": 2})
    (root / release).mkdir(parents=True)
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    project.params.cache_clear()
    return root


def build(root: Path, workers: int = 1) -> dict[str, Built]:
    """Index the release and build all tables, in this process: what the stages of DVC do."""
    write_indexes(root)
    return {built.table: built for built in build_tables(root, workers=workers)}


def build_table(root: Path, name: str, workers: int | None = None, **options: Any) -> Built:  # noqa: ANN401
    """Build one table of those that are there; return what was done to it."""
    (built,) = build_tables(root, [name], workers, **options)
    return built


def rows(root: Path, name: str) -> list[Row]:
    """The rows of a table that was built."""
    found: list[Row] = read_table(table_path(root / project.TABLES, name)).to_pylist()
    return found


def findings(root: Path, check: str = "", *, table: str = "") -> list[Row]:
    """The findings whose check begins with `check`, of one table or of all."""
    return [
        row
        for row in rows(root, "findings")
        if row["check"].startswith(check) and table in ("", row["table"])
    ]


def md5(path: Path) -> str:
    """DVC's and the publisher's hash of a file."""
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def table_bytes(root: Path) -> dict[str, bytes]:
    """Every table, as bytes."""
    files = sorted((root / project.TABLES).rglob("*.parquet"))
    return {str(file.relative_to(root)): file.read_bytes() for file in files}
