"""How each fault of faults.csv is made: functions that break a copy of the phantom on purpose."""

from __future__ import annotations

import gzip
import re
import shutil
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
from support import md5

CASE, OTHER = "ISPY1_9001", "ISPY1_9002"
FEATURES = "ISPY_DataPaper_features.xlsx"
SLICE = "idc_series.parquet"
CLINICAL = "I-SPY 1 All Patient Clinical and Outcome Data.xlsx"
N3 = f"images_bias-corrected_nifti/{CASE}/{CASE}_DCE_0001_N3.nii.gz"
ZSCORED = f"images_bias-corrected_resampled_zscored_nifti/{CASE}/{CASE}_DCE_0001_N3_zscored.nii.gz"
FTV, MANUAL, RESUNET = (
    f"masks_{name}/{CASE}.nii.gz" for name in ("ftv", "stv_manual", "stv_resunet")
)
DIM, DATATYPE, BITPIX, PIXDIM, OFFSET = 40, 70, 72, 76, 108
QFORM, QOFFSET_X, SROW = 252, 268, 280


@dataclass(frozen=True)
class Release:
    """A copy of the phantom that may be broken."""

    root: Path

    def content(self, path: str) -> bytearray:
        return bytearray(gzip.decompress((self.root / path).read_bytes()))

    def put(self, path: str, data: bytes, *, listed: bool = True) -> None:
        """Replace a file; `listed`: the manifest agrees, so that only the fault itself shows."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)  # copies are hard links: never write into one
        target.write_bytes(data)
        if listed:
            self.relist(path)

    def put_content(self, path: str, content: bytes) -> None:
        self.put(path, gzip.compress(content, 1, mtime=0))

    @property
    def manifest(self) -> Path:
        return next(self.root.glob("*.sums"))

    def relist(self, path: str) -> None:
        now = md5(self.root / path)
        lines = self.manifest.read_text().splitlines()
        lines = [f"{now} {x[33:]}" if x.endswith(f"/{path}") else x for x in lines]
        self.manifest.unlink()
        (self.root / "ISPY1-Tumor-SEG-Radiomics.sums").write_text("\n".join(lines) + "\n")

    def patch(self, path: str, offset: int, form: str, *values: float) -> None:
        content = self.content(path)
        struct.pack_into(form, content, offset, *values)
        self.put_content(path, bytes(content))

    def voxels(self, path: str, dtype: str) -> tuple[bytearray, np.ndarray]:
        content = self.content(path)
        start = int(struct.unpack_from("<f", content, OFFSET)[0])
        return content, np.frombuffer(content, dtype, offset=start)

    def workbook(self, path: str, edit: Callable[[openpyxl.Workbook], None]) -> None:
        # Cached values instead of formulas: openpyxl would save formulas without a value.
        book = openpyxl.load_workbook(self.root / path, data_only=True)
        edit(book)
        (self.root / path).unlink()
        book.save(self.root / path)


def size(release: Release, path: str) -> tuple[int, ...]:
    return struct.unpack_from("<3h", release.content(path), DIM + 2)


def truncated_gzip(r: Release) -> None:
    r.put(ZSCORED, (r.root / ZSCORED).read_bytes()[:-5000])


def bad_crc(r: Release) -> None:
    data = bytearray((r.root / N3).read_bytes())
    data[-8] ^= 1
    r.put(N3, bytes(data))


def not_gzip(r: Release) -> None:
    r.put(MANUAL, b"<html>404 not found</html>")


def header_larger(r: Release) -> None:
    r.patch(N3, DIM + 6, "<h", size(r, N3)[2] + 3)


def header_smaller(r: Release) -> None:
    r.patch(N3, DIM + 6, "<h", size(r, N3)[2] - 3)


def huge_header(r: Release) -> None:
    r.patch(MANUAL, DIM, "<4h", 3, 2048, 1024, 1024)


def nan_affine(r: Release) -> None:
    r.patch(ZSCORED, QOFFSET_X, "<f", float("nan"))


def singular_affine(r: Release) -> None:
    r.patch(N3, SROW, "<4f", 0, 0, 0, 0)


def four_d(r: Release) -> None:
    x, y, z = size(r, N3)
    r.patch(N3, DIM, "<5h", 4, x, y, z // 2, 2)


def complex_dtype(r: Release) -> None:
    r.patch(ZSCORED, DATATYPE, "<2h", 32, 64)


def label_2(r: Release) -> None:
    content, voxels = r.voxels(RESUNET, "<f4")
    voxels[np.flatnonzero(voxels)[0]] = 2
    r.put_content(RESUNET, bytes(content))


def nan_in_mask(r: Release) -> None:
    content, voxels = r.voxels(MANUAL, "<f4")
    voxels[0] = np.nan
    r.put_content(MANUAL, bytes(content))


def _emptied(r: Release, path: str, dtype: str) -> None:
    content, voxels = r.voxels(path, dtype)
    voxels[:] = 0
    r.put_content(path, bytes(content))


def empty_manual(r: Release) -> None:
    _emptied(r, MANUAL, "<f4")


def empty_ftv(r: Release) -> None:
    _emptied(r, FTV, "u1")


def one_voxel(r: Release) -> None:
    content, voxels = r.voxels(RESUNET, "<f4")
    first = int(np.flatnonzero(voxels)[0])
    voxels[:] = 0
    voxels[first] = 1
    r.put_content(RESUNET, bytes(content))


def mask_off_grid(r: Release) -> None:
    r.patch(MANUAL, QOFFSET_X, "<f", 7.5)


def swapped_masks_listed(r: Release) -> None:
    one, two = (r.root / f"masks_stv_manual/{case}.nii.gz" for case in (CASE, OTHER))
    first, second = one.read_bytes(), two.read_bytes()
    r.put(f"masks_stv_manual/{CASE}.nii.gz", second, listed=False)
    r.put(f"masks_stv_manual/{OTHER}.nii.gz", first, listed=False)


def swapped_masks_unlisted(r: Release) -> None:
    swapped_masks_listed(r)
    r.manifest.unlink()


def _spaced(r: Release, spacing: float) -> None:
    for phase in range(3):
        r.patch(ZSCORED.replace("_0001_", f"_000{phase}_"), PIXDIM + 4, "<3f", *[spacing] * 3)


def spacing_0999(r: Release) -> None:
    _spaced(r, 0.999)


def spacing_11(r: Release) -> None:
    _spaced(r, 1.1)


def forms_disagree(r: Release) -> None:
    r.patch(N3, QOFFSET_X, "<f", 3.25)


def missing_phase(r: Release) -> None:
    (r.root / ZSCORED).unlink()


def double_blob(r: Release) -> None:
    r.put(MANUAL.removesuffix(".gz"), bytes(r.content(MANUAL)), listed=False)


def foreign_folder(r: Release) -> None:
    stray = N3.replace(f"/{CASE}/", f"/{OTHER}/")
    shutil.copy(r.root / N3, r.root / stray)


def unknown_file(r: Release) -> None:
    r.put("notes.docx", b"hello", listed=False)


def mismatched_md5(r: Release) -> None:
    r.put(MANUAL, gzip.compress(bytes(r.content(MANUAL)), 9, mtime=0), listed=False)


def repacked(r: Release) -> None:
    content = bytes(r.content(MANUAL))
    (r.root / MANUAL).unlink()
    r.put(MANUAL.removesuffix(".gz"), content, listed=False)


def blank_features(r: Release) -> None:
    r.workbook(FEATURES, lambda book: book.worksheets[0].delete_rows(1, 1000))


def blank_clinical(r: Release) -> None:
    def edit(book: openpyxl.Workbook) -> None:
        for sheet in book.worksheets:
            sheet.delete_rows(1, 1000)

    r.workbook(CLINICAL, edit)


def renamed_sheet(r: Release) -> None:
    def edit(book: openpyxl.Workbook) -> None:
        book["TCIA Outcomes Subset"].title = "Outcomes"

    r.workbook(CLINICAL, edit)


def _column(sheet: openpyxl.worksheet.worksheet.Worksheet, header: str) -> int:
    return next(int(cell.column) for cell in sheet[1] if cell.value == header)


def missing_clinical_column(r: Release) -> None:
    def edit(book: openpyxl.Workbook) -> None:
        sheet = book["TCIA Patient Clinical Subset"]
        sheet.delete_cols(_column(sheet, "Laterality"))

    r.workbook(CLINICAL, edit)


def missing_feature_column(r: Release) -> None:
    def edit(book: openpyxl.Workbook) -> None:
        sheet = book.worksheets[0]
        sheet.delete_cols(_column(sheet, "T1_E_GLCM_Bins-128_Radius-1_Contrast"))

    r.workbook(FEATURES, edit)


def extra_feature_column(r: Release) -> None:
    def edit(book: openpyxl.Workbook) -> None:
        sheet = book.worksheets[0]
        sheet.cell(1, sheet.max_column + 1, "my score")

    r.workbook(FEATURES, edit)


def duplicate_subject(r: Release) -> None:
    def edit(book: openpyxl.Workbook) -> None:
        sheet = book.worksheets[0]
        sheet.append([cell.value for cell in sheet[2]])

    r.workbook(FEATURES, edit)


def _set_feature(r: Release, value: float | str) -> None:
    def edit(book: openpyxl.Workbook) -> None:
        sheet = book.worksheets[0]
        sheet.cell(2, _column(sheet, "T1_E_NGTDM_Busyness"), value)

    r.workbook(FEATURES, edit)


def text_in_number(r: Release) -> None:
    _set_feature(r, "not computed")


def nan_feature(r: Release) -> None:
    _set_feature(r, "NaN")


def inf_feature(r: Release) -> None:
    _set_feature(r, "inf")


def undocumented_code(r: Release) -> None:
    def edit(book: openpyxl.Workbook) -> None:
        sheet = book["TCIA Patient Clinical Subset"]
        sheet.cell(2, _column(sheet, "race_id"), 7)

    r.workbook(CLINICAL, edit)


def unicode_path(r: Release) -> None:
    r.put("masks_stv_manual/Befund Müller ü.nii.gz", b"x", listed=False)


def link_outside(r: Release) -> None:
    # A real file elsewhere, so that only the rule about links can refuse it.
    outside = r.root.parents[2] / f"{r.root.parents[1].name}-outside.nii.gz"
    shutil.copy(r.root / MANUAL, outside)
    (r.root / MANUAL).unlink()
    (r.root / MANUAL).symlink_to(outside)


def bad_manifest(r: Release) -> None:
    text = r.manifest.read_text()
    r.manifest.unlink()
    (r.root / "ISPY1-Tumor-SEG-Radiomics.sums").write_text("<html>\n" + text)


def no_slice(r: Release) -> None:
    (r.root / SLICE).unlink()


def truncated_slice(r: Release) -> None:
    r.put(SLICE, (r.root / SLICE).read_bytes()[:-100])


def slice_without_column(r: Release) -> None:
    _set_slice(r, lambda table: table.drop_columns(["PatientAge"]))


def slice_of_another_collection(r: Release) -> None:
    def edit(table: pa.Table) -> pa.Table:
        names = ["BREAST_07"] * table.num_rows
        return table.set_column(table.schema.get_field_index("PatientID"), "PatientID", [names])

    _set_slice(r, edit)


def slice_twice(r: Release) -> None:
    _set_slice(r, lambda table: pa.concat_tables([table, table.slice(0, 1)]))


def unknown_threshold(r: Release) -> None:
    def edit(table: pa.Table) -> pa.Table:
        words = table["SeriesDescription"].to_pylist()
        at = table.schema.get_field_index("SeriesDescription")
        changed = [re.sub("thresh=[0-9]+", "thresh=55", word) for word in words]
        return table.set_column(at, "SeriesDescription", [changed])

    _set_slice(r, edit)


def _set_slice(r: Release, edit: Callable[[pa.Table], pa.Table]) -> None:
    changed = edit(pq.read_table(r.root / SLICE))
    (r.root / SLICE).unlink()
    pq.write_table(changed, r.root / SLICE)


def swapped_phases(r: Release) -> None:
    before = ZSCORED.replace("_0001_", "_0000_")
    one, two = ((r.root / path).read_bytes() for path in (before, ZSCORED))
    r.put(before, two)
    r.put(ZSCORED, one)


def zero_level_moved(r: Release) -> None:
    content, voxels = r.voxels(ZSCORED, "<f4")
    voxels[0] = voxels.min() - 0.01
    r.put_content(ZSCORED, bytes(content))


def phase_turned(r: Release) -> None:
    content, voxels = r.voxels(ZSCORED, "<f4")
    voxels[:] = voxels[::-1].copy()
    r.put_content(ZSCORED, bytes(content))


BREAKS: dict[str, Callable[[Release], None]] = {
    function.__name__: function
    for function in (
        truncated_gzip, bad_crc, not_gzip, header_larger, header_smaller, huge_header, nan_affine,
        singular_affine, four_d, complex_dtype, label_2, nan_in_mask, empty_manual, empty_ftv,
        one_voxel, mask_off_grid, swapped_masks_listed, swapped_masks_unlisted, spacing_0999,
        spacing_11, forms_disagree, missing_phase, double_blob, foreign_folder, unknown_file,
        mismatched_md5, repacked, blank_features, blank_clinical, renamed_sheet,
        missing_clinical_column,
        missing_feature_column, extra_feature_column, duplicate_subject, text_in_number,
        nan_feature, inf_feature, undocumented_code, unicode_path, link_outside, bad_manifest,
        no_slice, truncated_slice, slice_without_column, slice_of_another_collection, slice_twice,
        unknown_threshold,
        swapped_phases, zero_level_moved, phase_turned,
    )
}  # fmt: skip
