"""The release's texts: README, licence, CaPTk parameter file, publisher's manifest."""

from __future__ import annotations

MANIFEST = "ISPY1-Tumor-SEG-Radiomics.sums"
PARAMETERS = "captk_parameter_file_ispy1.csv"
README = "README"
LICENCE = "LICENSE"
MARK = "Synthetic phantom in the form of ISPY1-Tumor-SEG-Radiomics"

_MANIFEST_ROOT = "ISPY1-Tumor-SEG-Radiomics/NIfTI-Files"

README_TEXT = f"""{MARK}

{{cases}} invented cases, seed {{seed}}, scale {{scale}}. It holds no patient and proves nothing
about any. Ids begin at ISPY1_9001, so that nobody mistakes one for a patient.

images_bias-corrected_nifti/                     N3 images, three phases, scanner's grid
images_bias-corrected_resampled_zscored_nifti/   z-scored images, three phases, 1 mm grid
masks_ftv/                                       functional tumour volume, scanner's grid
masks_stv_manual/                                structural tumour volume, expert, 1 mm grid
masks_stv_resunet/                               structural tumour volume, network, 1 mm grid
ISPY_DataPaper_features.xlsx                     370 features a case
I-SPY 1 All Patient Clinical and Outcome Data.xlsx
idc_series.parquet                               DICOM series of the trial: scanner, date, age
captk_parameter_file_ispy1.csv
ISPY1-Tumor-SEG-Radiomics.sums                   MD5 of every image and mask
"""

LICENCE_TEXT = """CC0 1.0 Universal

The files of this folder are synthetic. To the extent possible under law, their makers have waived
all copyright and related or neighbouring rights to them.
https://creativecommons.org/publicdomain/zero/1.0/
SPDX-License-Identifier: CC0-1.0
"""

# Comments hold commas, semicolons, bars and colons; a default may be a range.
PARAMETERS_TEXT = """FeatureName,ParamName,Type,Range,Default,Comments
Intensity,,,,,First-order statistics of the region; no parameters
Histogram,Bins,Int,2:1000,128,Number of bins: fixed, over the region's own range
Volumetric,,,,,Voxels and volume, in mm3; no parameters
Morphologic,Dimension,Int,2:3,3,"2 = slice by slice; 3 = volume | axis: ignored, if 3"
GLCM,Bins,Int,2:1000,128,Number of bins
GLCM,Radius,Int,1:5,1,Offsets of the co-occurrence, in voxels
GLRLM,Bins,Int,2:1000,128,Number of bins
GLRLM,Radius,Int,1:5,3,Reach of a run, in voxels
GLSZM,Bins,Int,2:1000,128,Number of bins
GLSZM,Radius,Int,1:5,3,Reach of a zone, in voxels
NGTDM,Bins,Int,10:10:100,10:10:100,One result a step; start:step:stop
LBP,Radius,Int,1:5,3,Neighbourhood; in voxels | Bins: 128
"""


def format_readme(cases: int, seed: int, scale: str) -> str:
    """Return the text of the README; its first line marks the folder as a phantom."""
    return README_TEXT.format(cases=cases, seed=seed, scale=scale)


def format_manifest(sums: dict[str, str]) -> str:
    """Return the publisher's manifest: `<md5> <path>`, in no order of path or case."""
    lines = [f"{md5} {_MANIFEST_ROOT}/{path}\n" for path, md5 in sums.items()]
    return "".join(sorted(lines))
