"""A small project whose tables keep every contract: two cases, made by hand.

Native grid 256 x 256 x 60 at 0.78125 x 0.78125 x 2 mm, 1 mm grid 200 x 200 x 120. Every mask is
5 cm3; ISPY1_9001 is on the right, ISPY1_9002 on the left; ISPY1_9050 is in the clinical workbook
alone.
"""

from __future__ import annotations

import json
import shutil
from itertools import combinations
from pathlib import Path
from typing import Any

from etl.gate.report import METRIC, REFERENCE
from etl.measure.ibsi_names import FAMILIES, list_names
from etl.model.git_tables import CSV_FILES
from etl.model.params_file import set_params
from etl.model.profile import Profile, load_profile
from etl.model.project import TABLES
from etl.model.release import list_blobs_of_case
from etl.model.schema import TableSchema
from etl.model.store import table_path, write_table
from etl.tables import (
    acquisitions,
    blobs,
    captk_features,
    cases,
    clinical,
    feature_audit,
    feature_catalog,
    feature_stability,
    features,
    findings,
    images,
    kinetics,
    mask_agreement,
    masks,
    outcomes,
    phase_fits,
    recomputed_features,
)

ROOT = Path(__file__).resolve().parents[2]
Row = dict[str, Any]
META = {"recipe": "r", "dataset": "ISPY1-PHANTOM", "licence": "CC0 1.0", "attribution": "none"}
CASES = ("ISPY1_9001", "ISPY1_9002")
SIDES = {"ISPY1_9001": "right", "ISPY1_9002": "left", "ISPY1_9050": "right"}
NATIVE = ((256, 256, 60), (0.78125, 0.78125, 2.0))
FINE = ((200, 200, 120), (1.0, 1.0, 1.0))
PIXELS = 4096
BINS = 128
N_FEATURES = 370
SHAPE = {
    "mesh_volume_mm3": 4990.0, "surface_area_mm2": 1500.0, "sphericity": 0.9,
    "max_diameter_mm": 25.0,
}  # fmt: skip
# What an earlier run of the gate recorded. One mask set, so that the breaks of the others, which
# move the quantiles of two cases far, are no drift.
DRIFT_REFERENCE = {
    "tag": "v0",
    "dataset": "ISPY1-PHANTOM",
    "masks_md5": "0" * 32,
    "volumes": {"stv_resunet": {"p10": 5.0, "median": 5.0, "p90": 5.0}},
}


_OF_KINETICS: Row = {
    "n_excluded_nonfinite": 0,
    "n_excluded_low_s0": 100,
    "n_excluded_no_enhancement": 900,
    "n_enhancing": 4000,
    "n_below_baseline": 40,
    "pe_p25_percent": 80.0,
    "pe_median_percent": 120.0,
    "pe_p75_percent": 180.0,
    "ser_p25": 0.9,
    "ser_median": 1.0,
    "ser_p75": 1.2,
    "washout_fraction": 0.3,
    "plateau_fraction": 0.3,
    "persistent_fraction": 0.4,
    "enhancing_volume_pe70_cm3": 4.0,
    "enhancing_volume_pe90_cm3": 3.0,
    "enhancing_volume_pe100_cm3": 2.0,
    "enhancing_volume_pe140_cm3": 1.0,
}


def _row(schema: TableSchema, **values: object) -> Row:
    """A row: null where the schema allows it, a blank of the right type elsewhere."""
    blanks = {"string": "-", "bool": False, "int64": 0, "double": 0.0}
    row: Row = {c.name: None if c.nullable else blanks.get(c.kind, []) for c in schema.columns}
    if set(values) - set(row):
        raise KeyError(set(values) - set(row))
    return row | values


def _header(path: str, grid: str) -> Row:
    size, spacing = NATIVE if grid == "native" else FINE
    x, y, z = spacing
    header: Row = {"path": path, "voxel_digest": path, "voxel_volume_mm3": x * y * z}
    for axis, n, s in zip("xyz", size, spacing, strict=True):
        header |= {f"size_{axis}": n, f"spacing_{axis}_mm": s}
    affine = [x, 0.0, 0.0, 10.0, 0.0, y, 0.0, 20.0, 0.0, 0.0, z, 30.0, 0.0, 0.0, 0.0, 1.0]
    return header | {"affine": affine}


def _images(profile: Profile) -> list[Row]:
    return [
        _row(
            images.TABLE,
            case_id=case,
            image_set=name.image_set,
            phase=name.phase,
            intensity_min=0.0 if name.image_set == "n3" else -1.4145595,
            **_header(name.path, profile.image_sets[str(name.image_set)].grid),
        )
        for case in CASES
        for name in list_blobs_of_case(case, profile)
        if name.image_set
    ]


def _masks(profile: Profile) -> list[Row]:
    return [
        _row(
            masks.TABLE,
            case_id=case,
            mask=name.mask,
            stored_values=list(profile.masks[str(name.mask)].stored_values),
            voxel_count=5000,
            touches_border=False,
            n_components=1,
            volume_cm3=5.0,
            centroid_r_mm=50.0 if SIDES[case] == "right" else -50.0,
            **dict.fromkeys((f"bbox_min_{axis}" for axis in "xyz"), 60),
            **dict.fromkeys((f"bbox_max_{axis}" for axis in "xyz"), 79),
            **SHAPE,
            matches_image_grid=True,
            **_header(name.path, profile.masks[str(name.mask)].grid),
        )
        for case in CASES
        for name in list_blobs_of_case(case, profile)
        if name.mask
    ]


def _recomputed() -> list[Row]:
    """Every feature is 0.5 but those that the table masks has."""
    shape = dict(zip(("volume", "area_mesh", "sphericity", "diam"), SHAPE.values(), strict=True))
    shape = {f"morph_{name}": value for name, value in shape.items()}
    return [
        _row(
            recomputed_features.TABLE,
            case_id=case,
            image_set=image_set,
            phase=1,
            mask=mask,
            feature=feature,
            value=shape.get(feature, 0.5),
        )
        for case in CASES
        for image_set, mask, families in (
            ("zscored", "stv_manual", FAMILIES),
            ("zscored", "stv_resunet", FAMILIES),
            ("n3", "ftv", FAMILIES[:1]),
        )
        for family in families
        for feature in list_names(family)
    ]


def _stability() -> list[Row]:
    """As of many cases, though there are two: what follows from the number is judged elsewhere."""
    return [
        _row(
            feature_stability.TABLE,
            image_set="zscored",
            phase=1,
            feature=feature,
            n_cases=len(CASES),
            icc=0.9,
            icc_low=0.8,
            icc_high=0.95,
        )
        for feature in ("morph_volume", "stat_mean")
    ]


def _agreement(profile: Profile) -> list[Row]:
    """Two masks of equal volume that share three quarters of it: the overlap is 3/5."""
    return [
        _row(
            mask_agreement.TABLE,
            case_id=case,
            mask_a=a,
            mask_b=b,
            grid=profile.masks[a].grid,
            dice=0.75,
            jaccard=0.6,
            hausdorff_mm=5.0,
            hausdorff95_mm=3.0,
            assd_mm=1.0,
            volume_ratio=1.0,
            centroid_distance_mm=1.5,
            a_inside_b_fraction=0.75,
            b_inside_a_fraction=0.75,
        )
        for case in CASES
        for a, b in combinations(profile.masks, 2)
    ]


def _phase_fits(profile: Profile) -> list[Row]:
    """One slope in all phases but the last, which is 2 % up."""
    return [
        _row(
            phase_fits.TABLE,
            case_id=case,
            phase=phase,
            slope=0.0005 if phase < max(profile.phases) else 0.00051,
            intercept=-0.85,
            r_squared=0.999,
            n_voxels=600000,
            n_outliers=20000,
            relative_slope=1.0 if phase < max(profile.phases) else 1.02,
            slope_difference=0.02,
            is_stretched=False,
        )
        for case in CASES
        for phase in profile.phases
    ]


def _kinetics(profile: Profile) -> list[Row]:
    """4,000 of 5,000 voxels enhance; a mask that is carried grows by 1 %."""
    rows = []
    for case in CASES:
        for mask, declared in profile.masks.items():
            for image_set, images_of in profile.image_sets.items():
                is_carried = images_of.grid != declared.grid
                row = _row(
                    kinetics.TABLE,
                    case_id=case,
                    mask=mask,
                    image_set=image_set,
                    is_carried=is_carried,
                    n_voxels=5000,
                    mask_volume_cm3=5.05 if is_carried else 5.0,
                    **_OF_KINETICS,
                    share_at_trial_threshold=0.8 if mask == "ftv" else None,
                )
                rows.append(row)
    return rows


def _blobs(profile: Profile) -> list[Row]:
    return [
        _row(
            blobs.TABLE,
            path=name.path,
            artefact=name.artefact,
            mask=name.mask,
            case_id=case,
            phase=name.phase,
            size_bytes=10,
            md5="0" * 32,
            publisher_md5="0" * 32,
            verdict="match",
        )
        for case in CASES
        for name in list_blobs_of_case(case, profile)
    ] + [
        _row(
            blobs.TABLE,
            path=profile.files[artefact][0],
            artefact=artefact,
            size_bytes=10,
            verdict="match",
        )
        for artefact in ("features", "clinical", "captk_parameters", "acquisitions")
    ]


def _cases() -> list[Row]:
    return [
        _row(
            cases.TABLE,
            case_id=case,
            subject_number=int(case[-4:]),
            in_release=case in CASES,
            has_features=case in CASES,
            has_clinical=True,
            has_outcomes=True,
        )
        for case in SIDES
    ]


def _catalog(profile: Profile) -> list[Row]:
    """128 frequencies and probabilities, two volumes, the declared constants, and others."""
    found = [
        ("Histogram", statistic, f"T1_E_Histogram_Bins-128_Bins-128_Bin-{n}_{statistic}")
        for n in range(BINS)
        for statistic in ("Frequency", "Probability")
    ]
    found += [("Volumetric", s, f"T1_E_Volumetric_{s}") for s in ("Pixels", "Volume")]
    constants = [str(name) for name in _words(profile, "constant_features")]
    found += [("Morphologic", name.split("_", 3)[-1], name) for name in constants]
    found += [("GLCM", f"S{n}", f"T1_E_GLCM_S{n}") for n in range(N_FEATURES - len(found))]
    return [
        _row(
            feature_catalog.TABLE,
            feature=name,
            position=position,
            family=family,
            statistic=statistic,
            is_constant=name in constants,
        )
        for position, (family, statistic, name) in enumerate(found, 1)
    ]


def _captk() -> list[Row]:
    """A histogram whose frequencies add up to the voxels, and the largest component."""
    histogram = captk_features.HISTOGRAM
    values = {f"{histogram}Bin-{n}_Frequency": PIXELS / BINS for n in range(BINS)}
    values |= {f"{histogram}Bin-{n}_Probability": 1 / BINS for n in range(BINS)}
    values[f"{captk_features.VOLUMETRIC}Pixels"] = float(PIXELS)
    values[f"{captk_features.MORPHOLOGIC}LargestComponentSize"] = float(PIXELS)
    return [
        _row(
            captk_features.TABLE,
            case_id=case,
            image_set=image_set,
            phase=1,
            mask="stv_manual",
            feature=feature,
            value=value,
            image_blob_md5="-" if feature.startswith(histogram) else None,
        )
        for case in CASES
        for image_set in ("n3", "zscored")
        for feature, value in values.items()
    ]


def _audit(catalog: list[Row]) -> list[Row]:
    """Every feature agrees; the constants are not comparable."""
    return [
        _row(
            feature_audit.TABLE,
            feature=entry["feature"],
            tier="not_comparable" if entry["is_constant"] else "exact",
            n=0 if entry["is_constant"] else len(CASES),
        )
        for entry in catalog
    ]


def _words(profile: Profile, name: str) -> tuple[object, ...]:
    value = profile.thresholds[name].value
    return value if isinstance(value, tuple) else (value,)


def _features(catalog: list[Row]) -> list[Row]:
    values = {
        "Frequency": PIXELS / BINS,
        "Probability": 1 / BINS,
        "Pixels": float(PIXELS),
        "Volume": PIXELS * 0.78125 * 0.78125 * 2,
    }
    return [
        _row(
            features.TABLE,
            case_id=case,
            feature=entry["feature"],
            value=values.get(entry["statistic"], 1.0),
        )
        for case in CASES
        for entry in catalog
    ]


def _clinical() -> list[Row]:
    return [
        _row(
            clinical.TABLE,
            case_id=case,
            age_years=50.0,
            race="Caucasian",
            er_positive=True,
            pgr_positive=False,
            hr_positive=True,
            her2_positive=False,
            subtype="HR+/HER2-",
            laterality=side,
            mri_ld_baseline_mm=50.0,
            mri_ld_early_ac_mm=40.0,
            mri_ld_interregimen_mm=0.0,
            mri_ld_presurgery_mm=0.0,
        )
        for case, side in SIDES.items()
    ]


def _outcomes() -> list[Row]:
    return [
        _row(outcomes.TABLE, case_id=case, survival_status="alive", pcr=True, rcb_class=0)
        for case in SIDES
    ]


def _acquisitions(profile: Profile) -> list[Row]:
    """Two studies a case, each with an image of the scanner and a PE segmentation at 70 %."""
    licence = str(_words(profile, "acquisitions_licences")[0])
    return [
        _row(
            acquisitions.TABLE,
            case_id=case,
            series_instance_uid=f"{case}.{index}.{modality}",
            study_instance_uid=f"{case}.{index}",
            study_index=index,
            is_baseline=index == 1,
            modality=modality,
            has_scanner=modality == "MR",
            manufacturer="GE",
            model="GENESIS_SIGNA",
            pe_threshold_percent=70 if modality == "SEG" else None,
            licence=licence,
        )
        for case in CASES
        for index in (1, 2)
        for modality in ("MR", "SEG")
    ]


def make_project(root: Path) -> Path:
    """A project at `root` whose gate is green."""
    shutil.copytree(ROOT / "expectations", root / "expectations")
    (root / "dvc.yaml").write_text("stages: {}\n")
    shutil.copy(ROOT / "params.yaml", root / "params.yaml")
    set_params(root / "params.yaml", {"phantom.cases": 2})
    (root / "sql").mkdir()
    shutil.copy(ROOT / CSV_FILES["recomputed_catalog"], root / "sql")
    (root / "reports").mkdir()
    (root / METRIC).write_text(json.dumps({REFERENCE: DRIFT_REFERENCE}))
    profile = load_profile(root)
    catalog = _catalog(profile)
    for schema, rows in (
        (blobs.TABLE, _blobs(profile)),
        (cases.TABLE, _cases()),
        (images.TABLE, _images(profile)),
        (masks.TABLE, _masks(profile)),
        (recomputed_features.TABLE, _recomputed()),
        (feature_stability.TABLE, _stability()),
        (mask_agreement.TABLE, _agreement(profile)),
        (phase_fits.TABLE, _phase_fits(profile)),
        (kinetics.TABLE, _kinetics(profile)),
        (captk_features.TABLE, _captk()),
        (features.TABLE, _features(catalog)),
        (feature_catalog.TABLE, catalog),
        (feature_audit.TABLE, _audit(catalog)),
        (clinical.TABLE, _clinical()),
        (outcomes.TABLE, _outcomes()),
        (acquisitions.TABLE, _acquisitions(profile)),
        (findings.TABLE, []),
    ):
        write_table(schema, rows, table_path(root / TABLES, schema.name), meta=META)
    return root
