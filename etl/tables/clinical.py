"""The table `clinical`."""

from __future__ import annotations

from etl.model.schema import CASE_ID, Table, parse_columns
from etl.tables.trial import YES_NO, SheetForm, read_form
from etl.tables.unit import Context, Measured, Unit

TABLE = Table(
    name="clinical",
    grain="One row per trial subject",
    key=("case_id",),
    columns=(
        CASE_ID,
        *parse_columns("""
        age_years double? [years] Age at study entry
        race string? Race in the words of the data dictionary; undocumented codes are null
        er_positive bool? Oestrogen receptor positive; indeterminate is null
        pgr_positive bool? Progesterone receptor positive; indeterminate is null
        hr_positive bool? Hormone receptor positive: ER or PgR
        her2_positive bool? HER2 positive, most informative assay
        subtype string? HR+/HER2-, HER2+ or TN
        is_bilateral bool? Cancer in both breasts
        laterality string? Side of the index tumour: left or right
        mri_ld_baseline_mm double? [mm] Longest diameter on MRI before treatment
        mri_ld_early_ac_mm double? [mm] Longest diameter 1 to 3 days after the first AC cycle
        mri_ld_interregimen_mm double? [mm] Longest diameter between the regimens; 0 is no residual
            tumour
        mri_ld_presurgery_mm double? [mm] Longest diameter before surgery; 0 is no residual tumour
        extracted_on date? Day on which the trial's database was read
        """),
    ),
    per="release",
    reads=("clinical",),
    row_in_file="sheet 'TCIA Patient Clinical Subset', row of {case_id}",
    references={"case_id": "cases"},
)


# Codes: the workbook's own data dictionary. 2 is "indeterminate" for the receptors.
RECEPTOR = {**YES_NO, 2: None}
FORM = SheetForm(
    table="clinical",
    sheet="TCIA Patient Clinical Subset",
    codes={
        "race": (
            "race_id",
            {
                1: "Caucasian",
                3: "African American",
                4: "Asian",
                5: "Hawaiian or Pacific Islander",
                6: "American Indian",
                50: "Multiple",
            },
        ),
        "er_positive": ("ERpos", RECEPTOR),
        "pgr_positive": ("PgRpos", RECEPTOR),
        "hr_positive": ("HR Pos", RECEPTOR),
        "her2_positive": ("Her2MostPos", RECEPTOR),
        "subtype": ("HR_HER2_CATEGORY", {1: "HR+/HER2-", 2: "HER2+", 3: "TN"}),
        "is_bilateral": ("BilateralCa", YES_NO),
        "laterality": ("Laterality", {1: "left", 2: "right"}),
    },
    numbers={
        "age_years": "age",
        "mri_ld_baseline_mm": "MRI LD Baseline",
        "mri_ld_early_ac_mm": "MRI LD 1-3dAC",
        "mri_ld_interregimen_mm": "MRI LD InterReg",
        "mri_ld_presurgery_mm": "MRI LD PreSurg",
    },
    dates={"extracted_on": "DataExtractDt"},
)
HEADERS = FORM.headers


def measure(unit: Unit, context: Context) -> Measured:
    """Return every subject of the sheet."""
    del unit
    return read_form(FORM, context)
