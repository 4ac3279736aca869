"""The table `outcomes`."""

from __future__ import annotations

from etl.schema import CASE_ID, TableSchema, optional
from etl.tables.trial import YES_NO, SheetForm, as_they_are, read_form
from etl.unit import Blob, Context, Measured

SCHEMA = TableSchema(
    name="outcomes",
    grain="One row a trial subject",
    key=("case_id",),
    columns=(
        CASE_ID,
        optional("survival_status", "string", "alive, dead or lost to follow-up"),
        optional("survival_days", "int64", "Study entry to death or last follow-up", "days"),
        optional("death_event", "bool", "True when dead; alive and lost are censored"),
        optional(
            "rfs_days",
            "int64",
            "Start of chemotherapy to recurrence, death or last follow-up",
            "days",
        ),
        optional("rfs_event", "bool", "Recurrence or death was observed"),
        optional("pcr", "bool", "Pathologic complete response"),
        optional("rcb_class", "int64", "Residual cancer burden class, 0 to 3"),
    ),
)

READS = ("clinical",)
UNIT = "release"
ASSEMBLED: tuple[str, ...] = ()

FORM = SheetForm(
    table="outcomes",
    sheet="TCIA Outcomes Subset",
    codes={
        "survival_status": ("sstat", {7: "alive", 8: "dead", 9: "lost"}),
        "rfs_event": ("rfs_ind", YES_NO),
        "pcr": ("PCR", YES_NO),
        "rcb_class": ("RCBClass", {0: 0, 1: 1, 2: 2, 3: 3}),
    },
    integers={"survival_days": "survDtD2 (tx)", "rfs_days": "RFS"},
)


def measure(unit: tuple[Blob, ...], context: Context) -> Measured:
    """Every subject of the sheet."""
    del unit
    return read_form(FORM, context)


def assemble(measured: list[tuple[tuple[Blob, ...], Measured]], context: Context) -> Measured:
    """The rows, and the event that survival analysis wants: dead; alive and lost are censored."""
    del context
    rows = as_they_are(measured).rows
    return Measured([{**row, "death_event": _death(row["survival_status"])} for row in rows])


def _death(status: str | None) -> bool | None:
    return None if status is None else status == "dead"
