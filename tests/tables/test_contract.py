"""The tables' public interface: names, types and keys that users' SQL depends on."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import get_args

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from etl.build.index import list_tables
from etl.model.schema import Per, TableSchema
from etl.model.store import ARROW_TYPES, read_footer, table_path

# The published columns: s string, b bool, i integer, f double, d date; `?` may be null. Columns
# may be added to a table, never taken away.
HEADER = """
    path:s blob_md5:s content_crc32:i content_bytes:i size_bytes:i stored_dtype:s
    size_x:i size_y:i size_z:i spacing_x_mm:f spacing_y_mm:f spacing_z_mm:f voxel_volume_mm3:f
    orientation:s affine:fs qform_code:i sform_code:i scl_slope:f? scl_inter:f? xyzt_units:i
    extension_bytes:i
"""
CONTRACT = {
    "blobs": """
        path:s artefact:s mask:s? case_id:s? phase:i? size_bytes:i? md5:s? publisher_md5:s?
        verdict:s
    """,
    "cases": """
        case_id:s dataset:s subject_number:i in_release:b n_image_n3:i n_image_zscored:i
        has_mask_ftv:b has_mask_stv_manual:b has_mask_stv_resunet:b has_features:b has_clinical:b
        has_outcomes:b has_acquisitions:b is_complete:b known_issue:s?
    """,
    "images": """
        case_id:s image_set:s phase:i intensity_min:f? intensity_max:f? intensity_mean:f?
        intensity_std:f? intensity_p01:f? intensity_p50:f? intensity_p99:f? n_nonfinite:i
        n_at_dtype_max:i voxel_digest:s
    """
    + HEADER,
    "masks": """
        case_id:s mask:s stored_values:fs? scaled_values:fs? foreground_rule:s?
        voxel_digest:s? voxel_count:i? volume_cm3:f? n_components:i?
        largest_component_voxel_count:i? largest_component_fraction:f?
        bbox_min_x:i? bbox_min_y:i? bbox_min_z:i? bbox_max_x:i? bbox_max_y:i? bbox_max_z:i?
        centroid_r_mm:f? centroid_a_mm:f? centroid_s_mm:f?
        mesh_volume_mm3:f? surface_area_mm2:f? sphericity:f? max_diameter_mm:f?
        largest_component_max_diameter_mm:f? touches_border:b? matches_image_grid:b?
    """
    + HEADER,
    "features": "case_id:s feature:s value:f?",
    "feature_catalog": """
        feature:s position:i modality:s roi:s family:s bins:i? radius_voxels:i? bin_index:i?
        statistic:s is_constant:b?
    """,
    "clinical": """
        case_id:s age_years:f? race:s? er_positive:b? pgr_positive:b? hr_positive:b?
        her2_positive:b? subtype:s? is_bilateral:b? laterality:s? mri_ld_baseline_mm:f?
        mri_ld_early_ac_mm:f? mri_ld_interregimen_mm:f? mri_ld_presurgery_mm:f? extracted_on:d?
    """,
    "outcomes": """
        case_id:s survival_status:s? survival_days:i? death_event:b? rfs_days:i? rfs_event:b?
        pcr:b? rcb_class:i?
    """,
    "mask_agreement": """
        case_id:s mask_a:s mask_b:s grid:s carried_mask:s? a_voxel_count:i b_voxel_count:i dice:f?
        jaccard:f? hausdorff_mm:f? hausdorff95_mm:f? assd_mm:f? volume_ratio:f?
        volume_difference_cm3:f centroid_distance_mm:f? a_inside_b_fraction:f?
        b_inside_a_fraction:f? a_blob_md5:s b_blob_md5:s inputs_md5:s
    """,
    "acquisitions": """
        case_id:s series_instance_uid:s study_instance_uid:s study_index:i is_baseline:b
        study_date:d? series_date:d? age_years:f? sex:s? modality:s? sop_class:s? has_scanner:b
        manufacturer:s? stored_manufacturer:s? model:s? series_number:i? series_description:s?
        pe_threshold_percent:i? instance_count:i? size_mb:f? licence:s? source_doi:s?
        crdc_series_uuid:s?
    """,
    "phase_fits": """
        case_id:s phase:i slope:f? intercept:f? r_squared:f? n_voxels:i? n_outliers:i?
        relative_slope:f? slope_difference:f? is_stretched:b? n3_blob_md5:s? zscored_blob_md5:s?
        inputs_md5:s
    """,
    "kinetics": """
        case_id:s mask:s image_set:s is_carried:b? zero_level:f? n_voxels:i? mask_volume_cm3:f?
        n_excluded_nonfinite:i? n_excluded_low_s0:i? n_excluded_no_enhancement:i? n_enhancing:i?
        n_below_baseline:i? pe_p25_percent:f? pe_median_percent:f? pe_p75_percent:f?
        ser_p25:f? ser_median:f? ser_p75:f?
        washout_fraction:f? plateau_fraction:f? persistent_fraction:f?
        enhancing_volume_pe70_cm3:f? enhancing_volume_pe90_cm3:f? enhancing_volume_pe100_cm3:f?
        enhancing_volume_pe140_cm3:f? pe_threshold_percent:i? share_at_trial_threshold:f?
        mask_blob_md5:s image_blob_md5s:ss inputs_md5:s
    """,
    "recomputed_features": """
        case_id:s image_set:s phase:i mask:s feature:s value:f? mask_blob_md5:s image_blob_md5:s?
        inputs_md5:s
    """,
    "captk_features": """
        case_id:s image_set:s phase:i mask:s feature:s value:f? grid_role:s mask_blob_md5:s
        image_blob_md5:s? grid_blob_md5:s inputs_md5:s
    """,
    "feature_audit": """
        feature:s tier:s n:i image_set:s? phase:i? mask:s? spearman:f? lin_concordance:f?
        median_relative_difference:f? max_relative_difference:f? bland_altman_bias:f?
        bland_altman_lower:f? bland_altman_upper:f? verdict:s reason:s? n_wrong_values:i
        worst_cases:ss
    """,
    "feature_stability": """
        image_set:s phase:i feature:s n_cases:i icc:f? icc_low:f? icc_high:f?
    """,
    "findings": """
        finding_id:s table:s severity:s case_id:s? path:s? check:s observed:s expected:s
        likely_cause:s fix:s
    """,
    "gate_results": """
        suite:s expectation_id:s expectation:s column:s? severity:s success:b n_checked:i?
        n_failed:i? observed:s? failing_cases:ss
    """,
}
KEYS = {
    "blobs": ("path",),
    "cases": ("case_id",),
    "images": ("case_id", "image_set", "phase"),
    "masks": ("case_id", "mask"),
    "features": ("case_id", "feature"),
    "feature_catalog": ("feature",),
    "clinical": ("case_id",),
    "outcomes": ("case_id",),
    "mask_agreement": ("case_id", "mask_a", "mask_b"),
    "acquisitions": ("series_instance_uid",),
    "phase_fits": ("case_id", "phase"),
    "kinetics": ("case_id", "mask", "image_set"),
    "recomputed_features": ("case_id", "image_set", "phase", "mask", "feature"),
    "captk_features": ("case_id", "image_set", "phase", "mask", "feature"),
    "feature_audit": ("feature",),
    "feature_stability": ("image_set", "phase", "feature"),
    "findings": ("finding_id",),
    "gate_results": ("suite", "expectation_id"),
}
KINDS = {
    "s": "string", "b": "bool", "i": "int64", "f": "double", "d": "date",
    "fs": "list<double>", "ss": "list<string>",
}  # fmt: skip


def schema_of(name: str) -> TableSchema:
    found = importlib.import_module(f"etl.tables.{name}").TABLE
    assert isinstance(found, TableSchema)
    return found


@pytest.mark.parametrize("name", CONTRACT)
def test_published_columns_are_all_there(name: str) -> None:
    columns = {column.name: column for column in schema_of(name).columns}
    for word in CONTRACT[name].split():
        column, _, kind = word.partition(":")
        assert column in columns, f"{name}.{column} is published and was taken away"
        assert columns[column].kind == KINDS[kind.rstrip("?")], column
        assert columns[column].nullable == kind.endswith("?"), column


@pytest.mark.parametrize("name", CONTRACT)
def test_keys_and_documentation(name: str) -> None:
    schema = schema_of(name)
    assert schema.name == name
    assert schema.key == KEYS[name]
    assert schema.grain.startswith("One row")
    assert len(set(schema.names)) == len(schema.names)
    for column in schema.columns:
        assert column.meaning, column.name
        assert not (column.name in schema.key and column.nullable), column.name


@pytest.mark.parametrize("name", CONTRACT)
def test_names_carry_their_unit(name: str) -> None:
    endings = {
        "mm": "_mm",
        "mm2": "_mm2",
        "mm3": "_mm3",
        "cm3": "_cm3",
        "years": "_years",
        "days": "_days",
    }
    for column in schema_of(name).columns:
        if column.unit in endings:
            assert column.name.endswith(endings[column.unit]), column.name
        for ending in endings.values():
            if column.name.endswith(ending):
                assert endings.get(column.unit) == ending, column.name


def test_one_name_means_one_thing() -> None:
    kinds: dict[str, set[tuple[str, str]]] = {}
    for name in CONTRACT:
        for column in schema_of(name).columns:
            kinds.setdefault(column.name, set()).add((column.kind, column.unit))
    assert {name for name, found in kinds.items() if len(found) > 1} == set()


@pytest.mark.parametrize("name", [*list_tables(), "findings"])
def test_files_have_the_declared_form(built: Path, name: str) -> None:
    schema, path = schema_of(name), table_path(built / "data/tables", name)
    arrow = pq.read_schema(path)
    assert tuple(arrow.names) == schema.names
    for column in schema.columns:
        field = arrow.field(column.name)
        # A list's item is called `element` in a file.
        assert field.type == ARROW_TYPES[column.kind] or pa.types.is_list(field.type), column.name
        assert field.nullable == column.nullable, column.name
        assert field.metadata[b"description"].decode() == column.meaning
        assert field.metadata[b"unit"].decode() == column.unit
    facts = read_footer(path)
    assert facts["table"] == name
    assert facts["key"] == list(schema.key)
    assert facts["grain"] == schema.grain
    assert facts["schema_version"] == 1
    assert facts["is_phantom"] is True
    assert facts["licence"]
    assert facts["attribution"]
    assert len(facts["recipe"]) == 32
    assert list(facts["columns"]) == sorted(schema.names)


@pytest.mark.parametrize("name", [*list_tables(), "findings"])
def test_files_are_sorted_by_their_key(built: Path, name: str) -> None:
    table = pq.read_table(table_path(built / "data/tables", name))
    keys = [tuple(row[k] for k in KEYS[name]) for row in table.select(list(KEYS[name])).to_pylist()]
    assert keys == sorted(keys)
    assert len(set(keys)) == len(keys)
    assert all(len(column.chunks) <= 1 for column in table.columns)


def test_every_table_of_the_release_has_a_module() -> None:
    assert {*list_tables(), "findings", "gate_results"} == set(CONTRACT)
    for name in list_tables():
        module = importlib.import_module(f"etl.tables.{name}")
        assert isinstance(module.TABLE.reads, tuple)
        assert module.TABLE.per in get_args(Per)
        assert set(module.TABLE.assembled) <= set(module.TABLE.names)
