"""The table `clinical`."""

from __future__ import annotations

from functools import partial

from etl.model.schema import CASE_ID, Table, parse_columns
from etl.tables.trial import YES_NO, SheetForm, parse_code, parse_date, parse_float, read_form
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
_parse_receptor = partial(parse_code, {**YES_NO, 2: None})
_parse_race = partial(
    parse_code,
    {
        1: "Caucasian",
        3: "African American",
        4: "Asian",
        5: "Hawaiian or Pacific Islander",
        6: "American Indian",
        50: "Multiple",
    },
)
FORM = SheetForm(
    table=TABLE.name,
    sheet="TCIA Patient Clinical Subset",
    cells={
        "age_years": ("age", parse_float),
        "race": ("race_id", _parse_race),
        "er_positive": ("ERpos", _parse_receptor),
        "pgr_positive": ("PgRpos", _parse_receptor),
        "hr_positive": ("HR Pos", _parse_receptor),
        "her2_positive": ("Her2MostPos", _parse_receptor),
        "subtype": ("HR_HER2_CATEGORY", partial(parse_code, {1: "HR+/HER2-", 2: "HER2+", 3: "TN"})),
        "is_bilateral": ("BilateralCa", partial(parse_code, YES_NO)),
        "laterality": ("Laterality", partial(parse_code, {1: "left", 2: "right"})),
        "mri_ld_baseline_mm": ("MRI LD Baseline", parse_float),
        "mri_ld_early_ac_mm": ("MRI LD 1-3dAC", parse_float),
        "mri_ld_interregimen_mm": ("MRI LD InterReg", parse_float),
        "mri_ld_presurgery_mm": ("MRI LD PreSurg", parse_float),
        "extracted_on": ("DataExtractDt", parse_date),
    },
)
HEADERS = FORM.headers


def measure(unit: Unit, context: Context) -> Measured:
    """Return every subject of the sheet."""
    del unit
    return read_form(FORM, context)
