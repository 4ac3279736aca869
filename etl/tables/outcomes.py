"""The table `outcomes`."""

from __future__ import annotations

from functools import partial

import polars as pl

from etl.model.schema import CASE_ID, Table, parse_columns
from etl.tables.trial import YES_NO, SheetForm, parse_code, parse_integer, read_form
from etl.tables.unit import Assembled, Context, Measured, Unit

TABLE = Table(
    name="outcomes",
    grain="One row per trial subject",
    key=("case_id",),
    columns=(
        CASE_ID,
        *parse_columns("""
        survival_status string? alive, dead or lost to follow-up
        survival_days int64? [days] Study entry to death or last follow-up
        death_event bool? True when dead; alive and lost are censored
        rfs_days int64? [days] Start of chemotherapy to recurrence, death or last follow-up
        rfs_event bool? Recurrence or death was observed
        pcr bool? Pathologic complete response
        rcb_class int64? Residual cancer burden class, 0 to 3
        """),
    ),
    per="release",
    adds=("death_event",),
    reads=("clinical",),
    row_in_file="sheet 'TCIA Outcomes Subset', row of {case_id}",
    references={"case_id": "cases"},
)


FORM = SheetForm(
    table=TABLE.name,
    sheet="TCIA Outcomes Subset",
    cells={
        "survival_status": ("sstat", partial(parse_code, {7: "alive", 8: "dead", 9: "lost"})),
        "survival_days": ("survDtD2 (tx)", parse_integer),
        "rfs_days": ("RFS", parse_integer),
        "rfs_event": ("rfs_ind", partial(parse_code, YES_NO)),
        "pcr": ("PCR", partial(parse_code, YES_NO)),
        "rcb_class": ("RCBClass", partial(parse_code, {0: 0, 1: 1, 2: 2, 3: 3})),
    },
)
HEADERS = FORM.headers


def measure(unit: Unit, context: Context) -> Measured:
    """Return every subject of the sheet."""
    del unit
    return read_form(FORM, context)


def assemble(values: pl.DataFrame, context: Context) -> Assembled:
    """Return the rows with the event of survival analysis: dead; alive and lost are censored."""
    del context
    is_dead = (pl.col("survival_status") == "dead").alias("death_event")
    return Assembled(values.with_columns(is_dead))
