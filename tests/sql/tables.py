"""A small project with made tables: what the views, queries, folds and exports are tested on.

| case | images | masks | features | clinical | outcomes |
|---|---|---|---|---|---|
| ISPY1_9001 | 6 | 3 | yes | HR+/HER2-, right | pCR |
| ISPY1_9002 | 6 | 3, FTV empty | yes | TN, left | no pCR |
| ISPY1_9003 | 6 | none | yes | HR unknown, left | pCR unknown |
| ISPY1_9004 | 3 z-scored | expert, own set `mine` | no | HER2+, left (centroid right) | none |
| ISPY1_9005 | none | none | yes | none | none |
| ISPY1_9050 | not in the release: the clinical workbook alone | | | yes | yes |
| ISPY1_9060 | not in the release: the Imaging Data Commons alone | | | | |

Baseline scanners and thresholds: 9001 GE 70, 9002 Siemens 90, 9003 Philips 100, 9050 GE 140, 9060
GE without a threshold; 9004 and 9005 have no series.
"""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path
from typing import Any

from etl.model.project import TABLES
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
    gate_results,
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
FEATURES = ("T1_E_Intensity_Mean", "T1_E_Volumetric_Pixels", "T1_E_Volumetric_Volume")
# The expert's mask of 9002 came as another file than the one that is here.
ADOPTED = f"""case_id,mask,path,md5,content_crc32,content_bytes,voxel_digest
ISPY1_9002,stv_manual,masks_stv_manual/ISPY1_9002.nii.gz,{"1" * 32},1,2,other
"""
VOLUMES = {
    ("ISPY1_9001", "ftv"): (3000, 4.0),
    ("ISPY1_9001", "stv_manual"): (5000, 5.0),
    ("ISPY1_9001", "stv_resunet"): (6000, 6.0),
    ("ISPY1_9002", "ftv"): (0, 0.0),
    ("ISPY1_9002", "stv_manual"): (2000, 2.0),
    ("ISPY1_9002", "stv_resunet"): (1000, 1.0),
    ("ISPY1_9004", "stv_manual"): (9000, 9.0),
    ("ISPY1_9004", "mine"): (8000, 8.0),
}
AGREEMENT: dict[tuple[str, str, str], tuple[float | None, float | None]] = {
    # dice, hausdorff95_mm
    ("ISPY1_9001", "ftv", "stv_manual"): (0.7, 4.0),
    ("ISPY1_9001", "ftv", "stv_resunet"): (0.6, 8.0),
    ("ISPY1_9001", "stv_manual", "stv_resunet"): (0.9, 2.0),
    ("ISPY1_9002", "ftv", "stv_manual"): (None, None),
    ("ISPY1_9002", "ftv", "stv_resunet"): (None, None),
    ("ISPY1_9002", "stv_manual", "stv_resunet"): (0.5, 6.0),
    ("ISPY1_9004", "stv_manual", "mine"): (0.8, 3.0),
}
SLOPES: dict[str, tuple[float | None, ...]] = {
    # 9001 on one scale, 9002 stretched, of 9003 one phase unknown
    "ISPY1_9001": (0.0005, 0.0005, 0.00051),
    "ISPY1_9002": (0.0004, 0.0002, 0.0003),
    "ISPY1_9003": (0.0005, None, 0.0005),
}
KINETICS: dict[tuple[str, str, str], tuple[float | None, float | None]] = {
    # median PE, median SER
    ("ISPY1_9001", "stv_manual", "zscored"): (120.0, 1.0),
    ("ISPY1_9001", "stv_manual", "n3"): (118.0, 1.0),
    ("ISPY1_9001", "ftv", "zscored"): (150.0, 1.2),
    ("ISPY1_9002", "stv_manual", "zscored"): (180.0, 1.4),
    ("ISPY1_9002", "stv_manual", "n3"): (None, None),
    ("ISPY1_9003", "stv_manual", "zscored"): (90.0, None),
    ("ISPY1_9004", "mine", "zscored"): (None, None),
}
SIZES = {"ISPY1_9001": 100, "ISPY1_9002": 120, "ISPY1_9003": 140, "ISPY1_9004": 160}


def fill(schema: TableSchema, **values: object) -> Row:
    """A row with null where the schema allows it and a blank of the right type elsewhere."""
    blanks = {"string": "-", "bool": False, "int64": 0, "double": 0.0}
    row: Row = {c.name: None if c.nullable else blanks.get(c.kind, []) for c in schema.columns}
    unknown = set(values) - set(row)
    if unknown:
        raise KeyError(unknown)
    return row | values


def image_rows() -> list[Row]:
    """Z-scored images of 9001 to 9004, bias-corrected ones of 9001 to 9003."""
    return [
        fill(
            images.TABLE,
            case_id=case,
            image_set=image_set,
            phase=phase,
            path=f"images_{image_set}/{case}/{case}_DCE_000{phase}.nii.gz",
            spacing_x_mm=1.0 if image_set == "zscored" else 0.7,
            spacing_y_mm=1.0 if image_set == "zscored" else 0.7,
            spacing_z_mm=1.0 if image_set == "zscored" else 2.0,
            size_x=200,
            size_y=200,
            size_z=size if image_set == "zscored" else size // 2,
            intensity_max=10.0 + phase,
        )
        for case, size in SIZES.items()
        for image_set in ("n3", "zscored")
        for phase in (0, 1, 2)
        if (case, image_set) != ("ISPY1_9004", "n3")
    ]


def mask_rows() -> list[Row]:
    """The masks of VOLUMES; all on the right of the body except those of 9002."""
    return [
        fill(
            masks.TABLE,
            case_id=case,
            mask=mask,
            path=f"masks_{mask}/{case}.nii.gz",
            voxel_count=voxels,
            volume_cm3=volume,
            n_components=1 if voxels else 0,
            centroid_r_mm=(-40.0 if case == "ISPY1_9002" else 50.0) if voxels else None,
            max_diameter_mm=30.0 if voxels else None,
            largest_component_max_diameter_mm=25.0 if voxels else None,
            matches_image_grid=True,
        )
        for (case, mask), (voxels, volume) in VOLUMES.items()
    ]


def agreement_rows() -> list[Row]:
    """The pairs of AGREEMENT; of 9002 those with the empty FTV are null."""
    return [
        fill(
            mask_agreement.TABLE,
            case_id=case,
            mask_a=a,
            mask_b=b,
            grid="native" if a == "ftv" else "1mm",
            dice=dice,
            hausdorff95_mm=hausdorff95,
            assd_mm=None if hausdorff95 is None else hausdorff95 / 4,
            volume_ratio=None if dice is None else VOLUMES[case, a][1] / VOLUMES[case, b][1],
            volume_difference_cm3=VOLUMES[case, a][1] - VOLUMES[case, b][1],
        )
        for (case, a, b), (dice, hausdorff95) in AGREEMENT.items()
    ]


def phase_rows() -> list[Row]:
    """The lines of SLOPES."""
    found = []
    for case, slopes in SLOPES.items():
        known = [slope for slope in slopes if slope is not None]
        difference = max(known) / min(known) - 1
        found += [
            fill(
                phase_fits.TABLE,
                case_id=case,
                phase=phase,
                slope=slope,
                intercept=None if slope is None else -0.85,
                r_squared=None if slope is None else 0.999,
                n_voxels=None if slope is None else 600000,
                relative_slope=None if slope is None else slope / min(known),
                slope_difference=difference,
                is_stretched=None if None in slopes else difference > 0.05,
            )
            for phase, slope in enumerate(slopes)
        ]
    return found


def kinetics_rows() -> list[Row]:
    """The medians of KINETICS; the FTV of 9001 reaches its threshold with 80 % of its voxels."""
    return [
        fill(
            kinetics.TABLE,
            case_id=case,
            mask=mask,
            image_set=image_set,
            n_voxels=1000,
            mask_volume_cm3=1.0,
            n_enhancing=None if pe is None else 800,
            pe_median_percent=pe,
            ser_median=ser,
            washout_fraction=None if ser is None else ser - 0.9,
            persistent_fraction=None if ser is None else 0.1,
            enhancing_volume_pe70_cm3=None if pe is None else 0.8,
            pe_threshold_percent=70 if mask == "ftv" else None,
            share_at_trial_threshold=0.8 if mask == "ftv" else None,
        )
        for (case, mask, image_set), (pe, ser) in KINETICS.items()
    ]


def recomputed_rows() -> list[Row]:
    """Two features of the structural masks, the expert's in two phases.

    The volume by mesh is 10 mm3 below that of the voxels.
    """
    return [
        fill(
            recomputed_features.TABLE,
            case_id=case,
            image_set="zscored",
            phase=phase,
            mask=mask,
            feature=feature,
            value=value,
            image_blob_md5="1" * 32 if feature == "stat_mean" else None,
        )
        for (case, mask), (_, volume) in VOLUMES.items()
        for phase in {"stv_manual": (1, 2), "stv_resunet": (1,)}.get(mask, ())
        for feature, value in (("morph_volume", 1000 * volume - 10), ("stat_mean", 2.0))
    ]


def stability_rows() -> list[Row]:
    """The volume is stable, the mean less so; the median is known of too few cases."""
    return [
        fill(
            feature_stability.TABLE,
            image_set="zscored",
            phase=1,
            feature=feature,
            n_cases=12 if icc else 3,
            icc=icc,
            icc_low=icc and icc - 0.2,
            icc_high=icc and icc + 0.02,
        )
        for feature, icc in (("morph_volume", 0.95), ("stat_mean", 0.6), ("stat_median", None))
    ]


def blob_rows() -> list[Row]:
    """Every image and mask, and one missing file."""
    present = [
        fill(
            blobs.TABLE,
            path=row["path"],
            artefact="mask" if "mask" in row else f"image_{row['image_set']}",
            mask=row.get("mask"),
            case_id=row["case_id"],
            phase=row.get("phase"),
            size_bytes=10,
            md5="0" * 32,
            verdict="match",
        )
        for row in (*image_rows(), *mask_rows())
    ]
    missing = fill(
        blobs.TABLE,
        path="masks_ftv/ISPY1_9004.nii.gz",
        artefact="mask",
        mask="ftv",
        case_id="ISPY1_9004",
        verdict="missing",
    )
    return [*present, missing]


def case_rows() -> list[Row]:
    """Five cases of the release, a subject of the workbook alone, and one of the slice alone."""
    complete = {"ISPY1_9001", "ISPY1_9002"}
    return [
        fill(
            cases.TABLE,
            case_id=f"ISPY1_{number}",
            dataset="ISPY1-PHANTOM",
            subject_number=number,
            in_release=number < 9050,
            n_image_n3=3 if number <= 9003 else 0,
            n_image_zscored=3 if number <= 9004 else 0,
            has_mask_ftv=number <= 9002,
            has_mask_stv_manual=number in (9001, 9002, 9004),
            has_mask_stv_resunet=number <= 9002,
            has_features=number in (9001, 9002, 9003, 9005),
            has_clinical=number not in (9005, 9060),
            has_outcomes=number in (9001, 9002, 9003, 9050),
            has_acquisitions=number in (9001, 9002, 9003, 9050, 9060),
            is_complete=f"ISPY1_{number}" in complete,
        )
        for number in (9001, 9002, 9003, 9004, 9005, 9050, 9060)
    ]


def clinical_rows() -> list[Row]:
    """Subtype, receptor status and side."""
    known = {
        "ISPY1_9001": (True, "HR+/HER2-", "right"),
        "ISPY1_9002": (False, "TN", "left"),
        "ISPY1_9003": (None, None, "left"),
        "ISPY1_9004": (False, "HER2+", "left"),
        "ISPY1_9050": (True, "HR+/HER2-", "right"),
    }
    return [
        fill(
            clinical.TABLE,
            case_id=case,
            age_years=50.0,
            hr_positive=hr,
            subtype=subtype,
            laterality=side,
            mri_ld_baseline_mm=50.0,
        )
        for case, (hr, subtype, side) in known.items()
    ]


def outcome_rows() -> list[Row]:
    """Outcomes of four subjects; pCR of 9003 is unknown."""
    known = {"ISPY1_9001": True, "ISPY1_9002": False, "ISPY1_9003": None, "ISPY1_9050": False}
    return [
        fill(
            outcomes.TABLE,
            case_id=case,
            survival_status="alive",
            survival_days=1000,
            death_event=False,
            rfs_days=1010,
            rfs_event=case == "ISPY1_9002",
            pcr=pcr,
        )
        for case, pcr in known.items()
    ]


def acquisition_rows() -> list[Row]:
    """Two studies a subject, 30 days apart: an image of the scanner, a segmentation, a report.

    9002's baseline has more images of a workstation than of the scanner.
    """
    known = {
        "ISPY1_9001": ("GE", "GENESIS_SIGNA", 70),
        "ISPY1_9002": ("Siemens", "Sonata", 90),
        "ISPY1_9003": ("Philips", "Intera", 100),
        "ISPY1_9050": ("GE", "GENESIS_SIGNA", 140),
        "ISPY1_9060": ("GE", "SIGNA EXCITE", None),
    }
    kinds = ("MR", "SEG", "SR", "MPR 1", "MPR 2")
    return [
        fill(
            acquisitions.TABLE,
            case_id=case,
            series_instance_uid=f"2.25.{case[-4:]}.{index}.{number}",
            study_instance_uid=f"2.25.{case[-4:]}.{index}",
            study_index=index,
            is_baseline=index == 1,
            study_date=dt.date(1985, index, 1),
            age_years=50.0,
            modality=kind.split()[0].replace("MPR", "MR"),
            has_scanner=kind == "MR",
            manufacturer="PixelMed" if kind == "SR" else vendor,
            model="NUMARIS/4 3D" if kind.startswith("MPR") else model,
            pe_threshold_percent=threshold if kind == "SEG" else None,
            instance_count=10,
            size_mb=1.5,
            licence="CC0 1.0",
        )
        for case, (vendor, model, threshold) in known.items()
        for index in (1, 2)
        for number, kind in enumerate(kinds)
        if not kind.startswith("MPR") or (case, index) == ("ISPY1_9002", 1)
    ]


def feature_rows() -> list[Row]:
    """Three features of four cases; one value is null."""
    return [
        fill(
            features.TABLE,
            case_id=f"ISPY1_{number}",
            feature=feature,
            value=None if (number, feature) == (9003, FEATURES[0]) else number + position + 0.5,
        )
        for number in (9001, 9002, 9003, 9005)
        for position, feature in enumerate(FEATURES)
    ]


def catalog_rows() -> list[Row]:
    """The catalogue of FEATURES."""
    return [
        fill(
            feature_catalog.TABLE,
            feature=feature,
            position=position,
            **(feature_catalog.parse_name(feature) or {}),
        )
        for position, feature in enumerate(FEATURES, 1)
    ]


def captk_rows() -> list[Row]:
    """FEATURES of 9001 and 9002: on the native grid as published, on 1 mm half of it."""
    published = {(row["case_id"], row["feature"]): row["value"] for row in feature_rows()}
    return [
        fill(
            captk_features.TABLE,
            case_id=case,
            image_set=image_set,
            phase=1,
            mask="stv_manual",
            feature=feature,
            value=published[case, feature] * factor,
            grid_role=f"image_{image_set}_1",
        )
        for case in ("ISPY1_9001", "ISPY1_9002")
        for image_set, factor in (("n3", 1.0), ("zscored", 0.5))
        for feature in FEATURES
    ]


def audit_rows() -> list[Row]:
    """FEATURES, which agree on the native grid."""
    return [
        fill(
            feature_audit.TABLE,
            feature=feature,
            tier="exact",
            n=2,
            image_set="n3",
            phase=1,
            mask="stv_manual",
            median_relative_difference=0.0,
            max_relative_difference=0.0,
            verdict="agrees exactly",
            n_wrong_values=0,
        )
        for feature in FEATURES
    ]


def finding_rows() -> list[Row]:
    """A critical finding of a case and an info without one."""
    return [
        fill(
            findings.TABLE,
            finding_id="a",
            table="masks",
            severity="critical",
            case_id="ISPY1_9004",
            path="masks_ftv/ISPY1_9004.nii.gz",
            check="missing_blob",
        ),
        fill(findings.TABLE, finding_id="b", table="features", severity="info", check="constant"),
    ]


def gate_rows() -> list[Row]:
    """A broken contract and one that holds."""
    return [
        fill(
            gate_results.TABLE,
            suite="masks",
            expectation_id=str(success),
            expectation="every case has an FTV mask",
            severity="warning",
            success=success,
            failing_cases=[] if success else ["ISPY1_9003", "ISPY1_9004"],
        )
        for success in (False, True)
    ]


def all_rows() -> list[tuple[TableSchema, list[Row]]]:
    """Every table with its rows."""
    return [
        (blobs.TABLE, blob_rows()),
        (cases.TABLE, case_rows()),
        (images.TABLE, image_rows()),
        (masks.TABLE, mask_rows()),
        (mask_agreement.TABLE, agreement_rows()),
        (phase_fits.TABLE, phase_rows()),
        (kinetics.TABLE, kinetics_rows()),
        (recomputed_features.TABLE, recomputed_rows()),
        (captk_features.TABLE, captk_rows()),
        (feature_stability.TABLE, stability_rows()),
        (features.TABLE, feature_rows()),
        (feature_catalog.TABLE, catalog_rows()),
        (feature_audit.TABLE, audit_rows()),
        (clinical.TABLE, clinical_rows()),
        (outcomes.TABLE, outcome_rows()),
        (acquisitions.TABLE, acquisition_rows()),
        (findings.TABLE, finding_rows()),
        (gate_results.TABLE, gate_rows()),
    ]


def make_project(root: Path, *, without: tuple[str, ...] = (), empty: bool = False) -> Path:
    """A project at `root` with the tables above, but those in `without`; `empty`: with no rows."""
    root.mkdir(parents=True, exist_ok=True)
    for name in ("params.yaml", "sql", "expectations/profiles", "expectations/known_issues.csv"):
        source, target = ROOT / name, root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, target)
    (root / "dvc.yaml").write_text("stages: {}\n")
    (root / ".dvc").mkdir()
    (root / "splits.csv").write_text(
        "case_id,fold,subtype,pcr,dataset\nISPY1_9001,3,HR+/HER2-,true,ISPY1-PHANTOM\n"
    )
    (root / "data").mkdir()
    (root / "data/adopted.csv").write_text(ADOPTED)
    for schema, rows in all_rows():
        if schema.name not in without:
            path = table_path(root / TABLES, schema.name)
            write_table(schema, [] if empty else rows, path, meta=META)
    return root
