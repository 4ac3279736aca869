"""One break a contract: SQL that breaks it, the contract, its severity, what it must name."""

from __future__ import annotations

from typing import NamedTuple

A = "ISPY1_9001"
N3 = "images_bias-corrected_nifti"
Z = "images_bias-corrected_resampled_zscored_nifti"
N3_0 = f"{A}: {N3}/{A}/{A}_DCE_0000_N3.nii.gz"
Z_1 = f"{A}: {Z}/{A}/{A}_DCE_0001_N3_zscored.nii.gz"
MANUAL = f"{A}: masks_stv_manual/{A}.nii.gz"
RESUNET = f"{A}: masks_stv_resunet/{A}.nii.gz"
FTV = f"{A}: masks_ftv/{A}.nii.gz"
RECOMPUTED = f"{A}: zscored 1, stv_manual"
FEATURES = "ISPY_DataPaper_features.xlsx"
CLINICAL = "I-SPY 1 All Patient Clinical and Outcome Data.xlsx"
PARAMETERS = "captk_parameter_file_ispy1.csv"
SLICE = "idc_series.parquet"
FILLER = "T1_E_GLCM_S0"


class Break(NamedTuple):
    """SQL that breaks one contract, the start of its words, its severity, what it must name."""

    sql: str
    suite: str
    words: str
    severity: str
    case: str


def _sql(*parts: str) -> str:
    return " ".join(parts)


def _of(case: str = A) -> str:
    return f"where case_id = '{case}'"


def _mask(change: str, mask: str = "stv_manual") -> str:
    return _sql("update masks set", change, _of(), f"and mask = '{mask}'")


def _image(change: str, image_set: str, phase: int) -> str:
    return _sql(_images(change, image_set), f"and phase = {phase}")


def _images(change: str, image_set: str) -> str:
    return _sql("update images set", change, _of(), f"and image_set = '{image_set}'")


def _agreement(change: str) -> str:
    pair = "and mask_a = 'stv_manual' and mask_b = 'stv_resunet'"
    return _sql("update mask_agreement set", change, _of(), pair)


def _fit(change: str) -> str:
    return _sql("update phase_fits set", change, _of(), "and phase = 1")


def _kinetics(change: str, mask: str = "stv_manual", image_set: str = "zscored") -> str:
    which = f"and mask = '{mask}' and image_set = '{image_set}'"
    return _sql("update kinetics set", change, _of(), which)


def _recomputed(change: str, feature: str) -> str:
    where = f"and mask = 'stv_manual' and feature = '{feature}'"
    return _sql("update recomputed_features set", change, _of(), where)


def _stability(change: str) -> str:
    return _sql("update feature_stability set", change, "where feature = 'stat_mean'")


def _gone(named: str) -> str:
    change = "update blobs set size_bytes = null, md5 = null, verdict = 'missing'"
    return _sql(change, f"where path = '{named.removeprefix(f'{A}: ')}'")


def _feature(change: str, feature: str) -> str:
    return _sql("update features set value =", change, _of(), f"and feature = '{feature}'")


def _subject(change: str, table: str = "clinical", case: str = A) -> str:
    return _sql("update", table, "set", change, _of(case))


def _finding(table: str, check: str, severity: str) -> str:
    values = f"('f', '{table}', '{severity}', '{A}', null, '{check}', '0', 'x', 'y', 'z')"
    return _sql("insert into findings values", values)


def _series(change: str, index: int = 1) -> str:
    return _sql("update acquisitions set", change, _of(), f"and study_index = {index}")


# A row more, and an x axis so much finer that the corners stay where they were.
_LONGER = "size_x = 257, affine = list_concat([0.78125 * 255 / 256], affine[2:])"
_SHIFTED = "affine = list_concat(affine[:3], [10.5], affine[5:])"
# Two volumes p and q: p10 is 0.9 p + 0.1 q, the median (p + q) / 2, p90 is 0.1 p + 0.9 q.
_RESUNET = "update masks set volume_cm3 = if(case_id = 'ISPY1_9001', {}, {}) where mask = '{}'"
_FOLD = f"select '{A}' as case_id, 1 as fold, 'd' as dataset"
_BIN = "T1_E_Histogram_Bins-128_Bins-128_Bin-7"
_LARGEST = "T1_E_Morphologic_LargestComponentSize"
_AUDITED = "T1_E_Volumetric_Volume"
_MD5 = "update blobs set verdict = 'mismatch' where path like 'masks_ftv/%9001%'"

BREAKS = (
    Break(_gone(N3_0), "coverage", "Every case of the release has its images", "critical", N3_0),
    Break(_gone(FTV), "coverage", "Every case of the release has a mask", "critical", FTV),
    Break(
        _subject("has_features = false", "cases"),
        "coverage",
        "Every case of the release has a row in the features",
        "critical",
        f"{A}: row in ISPY_DataPaper_features.xlsx",
    ),
    Break(
        _subject("has_clinical = false", "cases"),
        "coverage",
        "Every case of the release has a row in the clinical",
        "critical",
        f"{A}: row in I-SPY 1 All Patient Clinical and Outcome Data.xlsx",
    ),
    *(
        Break(_gone(path), "coverage", words, severity, path)
        for path, words, severity in (
            (FEATURES, "The release has the features workbook", "critical"),
            (CLINICAL, "The release has the features workbook", "critical"),
            (PARAMETERS, "The release has the parameter file", "warning"),
        )
    ),
    Break(_subject("in_release = false", "cases"), "expected_ids", "Every case", "critical", A),
    Break(
        _sql("insert into outcomes from outcomes", _of()),
        "keys",
        "No key",
        "critical",
        "outcomes",
    ),
    Break(
        "insert into outcomes select * replace ('ISPY1_9099' as case_id) from outcomes limit 1",
        "foreign_keys",
        "Every value",
        "critical",
        "ISPY1_9099 (outcomes)",
    ),
    Break(_MD5, "blobs", "No file has another MD5", "critical", FTV),
    Break(
        _finding("masks", "bad_crc", "critical"),
        "findings",
        "The build has no critical finding",
        "critical",
        f"{A}: masks (bad_crc)",
    ),
    Break(
        "insert into blobs select * replace (replace(path, 'ftv', 'own') as path, 'own' as mask)"
        " from blobs where mask = 'ftv'; insert into masks select * replace ('own' as mask, "
        "replace(path, 'ftv', 'own') as path, 2689.0 as volume_cm3, 'o' as voxel_digest) "
        f"from masks where mask = 'ftv' and case_id = '{A}'",
        "findings",
        "No mask of your own",
        "warning",
        f"{A}: masks_own/{A}.nii.gz (too large)",
    ),
    Break(
        "insert into blobs select * replace (replace(path, 'ftv', 'own') as path, 'own' as mask)"
        " from blobs where mask = 'ftv'; "
        "insert into findings values ('f', 'masks', 'warning', 'ISPY1_9001', "
        "'masks_own/ISPY1_9001.nii.gz', 'own_mask_needs_rule', '0', 'x', 'y', 'z')",
        "findings",
        "No mask of your own",
        "warning",
        f"{A}: masks_own/{A}.nii.gz (own_mask_needs_rule)",
    ),
    Break(_mask("spacing_x_mm = 0.999"), "grid_1mm", "Spacing", "critical", MANUAL),
    Break(_mask("spacing_z_mm = 1.1"), "grid_1mm", "Spacing", "critical", MANUAL),
    Break(_mask("spacing_y_mm = 'nan'"), "grid_1mm", "Spacing", "critical", MANUAL),
    *(
        Break(
            _mask(f"size_{axis} = {size}", "stv_resunet"),
            "grid_1mm",
            f"size_{axis} on the 1 mm grid is at {bound}",
            "critical",
            RESUNET,
        )
        for axis, bound, size in (
            ("x", "least", 179),
            ("x", "most", 301),
            ("y", "least", 179),
            ("y", "most", 301),
            ("z", "least", 82),
            ("z", "most", 385),
        )
    ),
    Break(_image(_LONGER, "n3", 2), "phase_grids", "The phases", "critical", f"{A}: n3"),
    Break(_image(_SHIFTED, "zscored", 1), "phase_grids", "The corner", "critical", f"{A}: zscored"),
    Break(
        _image("intensity_min = -1.5", "zscored", 1),
        "phase_grids",
        "The z-scored phases",
        "warning",
        f"{A}: zscored",
    ),
    Break(
        _images("size_z = 121", "zscored"),
        "resampling",
        "The 1 mm size",
        "critical",
        f"{A}: axis 2",
    ),
    Break(_image("n_nonfinite = 1", "zscored", 1), "images", "No voxel", "critical", Z_1),
    Break(_image("intensity_min = -1", "n3", 0), "images", "No N3 image", "warning", N3_0),
    Break(
        _sql("update images set voxel_digest = 'v'", _of(), "and image_set = 'n3' and phase < 2"),
        "copies",
        "No two images",
        "critical",
        f"{N3_0} | {N3_0.replace('0000', '0001')}",
    ),
    Break(
        _sql("update masks set voxel_digest = 'v'", _of(), "and mask != 'ftv'"),
        "copies",
        "No two masks",
        "warning",
        f"{MANUAL} | {RESUNET}",
    ),
    Break(
        f"insert into inputs.splits by name {_FOLD} union all {_FOLD}",
        "folds",
        "No subject stands twice",
        "critical",
        f"{A}: fold 1 and 1",
    ),
    Break(
        f"insert into inputs.splits by name {_FOLD}; "
        f"create or replace temp table first_folds as {_FOLD.replace('1 as', '2 as')}",
        "folds",
        "No subject has another fold",
        "critical",
        f"{A}: fold 1",
    ),
    Break(_mask("voxel_count = 0"), "masks", "No mask is empty in a set", "critical", MANUAL),
    Break(_mask("voxel_count = 0", "ftv"), "masks", "No mask is empty in the", "warning", FTV),
    Break(_mask("n_nonfinite = 1"), "masks", "No voxel of a mask", "critical", MANUAL),
    Break(_mask("matches_image_grid = false"), "masks", "Every mask lies", "critical", MANUAL),
    Break(_mask("volume_cm3 = 0.02", "ftv"), "masks", "No mask that is not", "warning", FTV),
    Break(_mask("volume_cm3 = 900", "ftv"), "masks", "No mask is larger", "warning", FTV),
    Break(_mask("touches_border = true"), "masks", "No mask touches", "warning", MANUAL),
    Break(_mask("centroid_r_mm = -50"), "masks", "The centroid", "warning", MANUAL),
    Break(
        _sql("delete from mask_agreement", _of(), "and mask_a = 'ftv' and mask_b = 'stv_manual'"),
        "mask_agreement",
        "Every two declared masks",
        "critical",
        f"{A}: ftv | stv_manual",
    ),
    *(
        Break(
            _agreement(change), "mask_agreement", words, severity, f"{A}: stv_manual | stv_resunet"
        )
        for words, severity, change in (
            ("Two masks with foreground", "warning", "dice = null, jaccard = null"),
            ("No share of two masks is below", "critical", "a_inside_b_fraction = -0.1"),
            ("No share of two masks is above", "critical", "b_inside_a_fraction = 1.1"),
            ("Dice is 2 J", "critical", "dice = 0.74"),
            ("No distance", "critical", "centroid_distance_mm = -1"),
            ("Neither the 95th", "critical", "hausdorff95_mm = 6"),
            ("Neither the 95th", "critical", "assd_mm = 6"),
            ("Two masks of a case have a Dice", "warning", "jaccard = 0.05, dice = 0.1 / 1.05"),
        )
    ),
    Break(
        _sql("delete from phase_fits", _of(), "and phase = 0"),
        "phase_fits",
        "Every phase with both images",
        "critical",
        f"{A}: phase 0",
    ),
    *(
        Break(_fit(change), "phase_fits", words, severity, f"{A}: phase 1")
        for words, severity, change in (
            ("A line can be drawn", "warning", "slope = null, relative_slope = null"),
            ("No z-scored image falls", "warning", "slope = -0.0005"),
            ("No z-scored image falls", "warning", "slope = 0"),
            ("The line explains", "warning", "r_squared = 0.5"),
            ("No r squared is above 1", "critical", "r_squared = 1.01"),
            ("The difference of a case's slopes", "critical", "slope_difference = 0.03"),
        )
    ),
    Break(
        _sql("delete from kinetics", _of(), "and mask = 'ftv' and image_set = 'n3'"),
        "kinetics",
        "Every declared mask has a row",
        "critical",
        f"{A}: ftv on n3",
    ),
    *(
        Break(_kinetics(change), "kinetics", words, severity, f"{A}: stv_manual on zscored")
        for words, severity, change in (
            ("The z-scored phases give", "warning", "n_enhancing = null"),
            ("Every voxel of a mask is counted", "critical", "n_enhancing = 3999"),
            ("A mask on the images' grid", "critical", "n_voxels = 5001, n_enhancing = 4001"),
            ("Washout, plateau", "critical", "washout_fraction = 0.31"),
            (
                "No share of voxels is below 0",
                "critical",
                "washout_fraction = -0.1, plateau_fraction = 0.7",
            ),
            ("Quartiles ascend", "critical", "pe_p25_percent = 121"),
            ("Quartiles ascend", "critical", "ser_median = 1.3"),
            ("Enhancing volumes fall", "critical", "enhancing_volume_pe140_cm3 = 2.5"),
            ("A tumour enhances", "warning", "pe_p25_percent = -9, pe_median_percent = 0"),
        )
    ),
    *(
        Break(_kinetics(change, "ftv"), "kinetics", words, severity, f"{A}: ftv on zscored")
        for words, severity, change in (
            ("No share of voxels is above 1", "critical", "share_at_trial_threshold = 1.1"),
            ("A mask of 1 cm3 or more", "warning", "mask_volume_cm3 = 4"),
            ("A share of 0.01 of the FTV", "warning", "share_at_trial_threshold = 0"),
        )
    ),
    Break(
        _sql("delete from recomputed_features", _of(), "and mask = 'ftv'"),
        "recomputed_features",
        "Every mask that recompute.inputs",
        "critical",
        f"{A}: n3 1, ftv",
    ),
    Break(
        _sql(
            "update recomputed_features set mask_blob_md5 = 'm'", _of(), "and mask = 'stv_manual'"
        ),
        "recomputed_features",
        "The features are those of the mask",
        "critical",
        RECOMPUTED,
    ),
    *(
        Break(_recomputed(change, feature), "recomputed_features", words, severity, RECOMPUTED)
        for words, severity, feature, change in (
            ("Every shape feature", "critical", "morph_av", "value = null"),
            ("Every feature of such", "warning", "morph_moran_i", "value = null"),
            ("Every feature of such", "warning", "szm_sze_3D", "value = null"),
            ("Shares lie", "critical", "szm_z_perc_3D", "value = 1.001"),
            ("Shares lie", "critical", "cm_joint_max_3D_comb", "value = -0.001"),
            ("Shares lie", "critical", "cm_corr_3D_comb", "value = -1.001"),
            ("Volume, surface", "critical", "morph_volume", "value = 4991"),
            ("Volume, surface", "critical", "morph_diam", "value = 25.001"),
        )
    ),
    Break(
        _sql("delete from captk_features", _of(), "and image_set = 'zscored'"),
        "captk_features",
        "Every expert's mask is measured",
        "critical",
        f"{A}: zscored",
    ),
    *(
        Break(
            _sql(
                f"update captk_features set value = {value}",
                _of(),
                f"and feature = '{feature}' and image_set = 'n3'",
            ),
            "captk_features",
            words,
            severity,
            f"{A}: n3",
        )
        for words, severity, feature, value in (
            ("Every definition gives", "warning", _LARGEST, "null"),
            ("The recomputed frequencies", "critical", f"{_BIN}_Frequency", "33"),
            ("The recomputed probabilities", "critical", f"{_BIN}_Probability", "0.1"),
            ("The largest component", "critical", _LARGEST, "5000"),
        )
    ),
    *(
        Break(
            _sql("update feature_audit set", change, f"where feature = '{_AUDITED}'"),
            "feature_audit",
            words,
            severity,
            _AUDITED,
        )
        for words, severity, change in (
            (
                "Every published feature has",
                "critical",
                "reason = 'not in sql/published_catalog.csv'",
            ),
            ("Every published feature whose", "warning", "n = 0"),
            ("No published feature has more", "warning", "n_wrong_values = 3"),
        )
    ),
    *(
        Break(_stability(change), "feature_stability", words, "critical", "zscored 1: stat_mean")
        for words, change in (
            ("The cases of a feature", "n_cases = 3"),
            ("No reliability is above", "icc = 1.01, icc_high = 1.02"),
            ("A reliability lies", "icc_low = 0.91"),
            ("A reliability lies", "icc_high = 0.89"),
        )
    ),
    *(
        Break(_RESUNET.format(p, q, "stv_resunet"), "drift", words, "warning", "stv_resunet")
        for words, p, q in (
            ("The 10th", 2, 5),
            ("The median", 8, 8),
            ("The 90th", 2, 11),
        )
    ),
    Break(_mask("stored_values = [0, 2]"), "stored_values", "The voxels", "critical", MANUAL),
    Break(_mask("stored_values = null"), "stored_values", "The voxels", "critical", MANUAL),
    Break(_mask("stored_values = [0, 1]", "ftv"), "stored_values", "The voxels", "critical", FTV),
    Break(
        _sql("delete from features", _of(), f"and feature = '{FILLER}'"),
        "features",
        "A case has 370",
        "critical",
        A,
    ),
    Break(_feature("null", FILLER), "features", "No published feature", "critical", A),
    Break(_feature("'inf'", FILLER), "features", "No published feature", "critical", A),
    Break(_feature("33", f"{_BIN}_Frequency"), "features", "The histogram's freq", "critical", A),
    Break(
        _feature("0.1", f"{_BIN}_Probability"), "features", "The histogram's prob", "critical", A
    ),
    Break(
        _feature("value * 1.01", "T1_E_Volumetric_Volume"),
        "published_volumes",
        "Published volume over",
        "critical",
        A,
    ),
    Break(_mask("volume_cm3 = 6"), "published_volumes", "Published and measured", "warning", A),
    Break(
        _finding("clinical", "undocumented_code:race_id", "warning"),
        "clinical",
        "Every code",
        "critical",
        A,
    ),
    Break(_subject("race = 'Martian'"), "clinical", "Race", "critical", A),
    Break(_subject("subtype = 'HR+'"), "clinical", "Subtype", "critical", A),
    Break(
        _subject("laterality = 'both'", case="ISPY1_9050"),
        "clinical",
        "Laterality",
        "critical",
        "ISPY1_9050",
    ),
    Break(
        _subject("survival_status = 'gone'", "outcomes"),
        "clinical",
        "Survival status",
        "critical",
        A,
    ),
    Break(
        _subject("rcb_class = 4, pcr = false", "outcomes"), "clinical", "Residual", "critical", A
    ),
    Break(_subject("hr_positive = false"), "clinical", "HR is", "critical", A),
    Break(_subject("pcr = false", "outcomes"), "clinical", "pCR holds", "critical", A),
    Break(_subject("age_years = 17"), "clinical", "Age is at least", "critical", A),
    Break(_subject("age_years = 101"), "clinical", "Age is at most", "critical", A),
    *(
        Break(
            _subject(f"mri_ld_{when}_mm = {value}"),
            "clinical",
            f"MRI longest diameter {words}",
            "critical",
            A,
        )
        for when, words, value in (
            ("baseline", "before treatment", 0),
            ("baseline", "before treatment", 201),
            ("early_ac", "after the first", -1),
            ("interregimen", "between", 201),
            ("presurgery", "before surgery", 201),
        )
    ),
    Break(_gone(SLICE), "acquisitions", "The release has its slice", "warning", SLICE),
    Break(_series("is_baseline = true", 2), "acquisitions", "Every subject has", "critical", A),
    Break(
        "update acquisitions set study_index = study_index + 1 where case_id = 'ISPY1_9001'",
        "acquisitions",
        "Every subject has",
        "critical",
        A,
    ),
    Break(_series("licence = 'CC BY-NC 4.0'"), "acquisitions", "Every series", "critical", A),
    Break(_series("licence = null"), "acquisitions", "Every series", "critical", A),
    Break(
        _series("pe_threshold_percent = 60", 2),
        "acquisitions",
        "Every enhancement",
        "critical",
        f"{A}: study 2 at 60 %",
    ),
    Break(
        _series("has_scanner = false"),
        "acquisitions",
        "Every case",
        "warning",
        f"{A}: baseline study",
    ),
    Break(
        _series("pe_threshold_percent = null"),
        "acquisitions",
        "Every case",
        "warning",
        f"{A}: baseline study",
    ),
    Break(
        _sql("update feature_catalog set is_constant = true where feature =", f"'{FILLER}'"),
        "feature_constants",
        "The features",
        "info",
        FILLER,
    ),
)
