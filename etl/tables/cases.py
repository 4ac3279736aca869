"""The table `cases`."""

from __future__ import annotations

from collections import Counter

import polars as pl

from etl.model.release import list_blobs_of_case
from etl.model.schema import CASE_ID, Table, parse_columns
from etl.tables.assembly import make_rows
from etl.tables.unit import Assembled, Context

TABLE = Table(
    name="cases",
    grain="One row per case of the release or subject of the trial",
    key=("case_id",),
    columns=(
        CASE_ID,
        *parse_columns("""
        dataset string Data set that the release belongs to
        subject_number int64 The number in the id, as the workbooks spell it
        in_release bool Named by a blob, by the publisher's manifest or by the features workbook
        n_image_n3 int64 Bias-corrected images on disk
        n_image_zscored int64 Z-scored images on disk
        has_mask_ftv bool A functional tumour volume mask is on disk
        has_mask_stv_manual bool An expert structural tumour volume mask is on disk
        has_mask_stv_resunet bool A ResUNet structural tumour volume mask is on disk
        has_features bool The features workbook has a row
        has_clinical bool The clinical sheet has a row
        has_outcomes bool The outcomes sheet has a row
        has_acquisitions bool The slice of the Imaging Data Commons has a series
        is_complete bool All images and declared masks are on disk and readable
        known_issue string? What known_issues.csv says about the case; SQL adds it, null in the file
        """),
    ),
    per="tables",
    reads=("",),
    sources={
        "n_image_n3": ("image_{native}", "counted"),
        "n_image_zscored": ("image_{normalized}", "counted"),
        "has_mask_ftv": ("mask_{functional}", "counted"),
        "has_mask_stv_manual": ("mask_{expert}", "counted"),
        "has_mask_stv_resunet": ("mask_{network}", "counted"),
        "has_features": ("features", "names the case"),
        "has_clinical": ("clinical", "names the case"),
        "has_outcomes": ("clinical", "names the case"),
        "has_acquisitions": ("acquisitions", "names the case"),
    },
    needs=("blobs", "features", "clinical", "outcomes", "acquisitions", "images", "masks"),
)


def assemble(values: pl.DataFrame, context: Context) -> Assembled:
    """Return which cases the files and workbooks name, and what each has."""
    del values
    in_release, sets = _list_cases_in_release(context), context.profile.sets
    of_sheets = {
        f"has_{name}": set(context.table(name)["case_id"])
        for name in ("features", "clinical", "outcomes", "acquisitions")
    }
    names = {blob.name.identity: blob.name for blob in context.blobs if blob.name.case_id}
    on_disk = Counter((n.case_id, n.mask or n.artefact) for n in names.values())
    readable = {path for table in ("images", "masks") for path in context.table(table)["path"]}
    identities = {blob.name.identity for blob in context.blobs if blob.path in readable}
    named = {str(name.case_id) for name in names.values()}
    rows = [
        {
            "case_id": case_id,
            "dataset": context.profile.dataset,
            "subject_number": int(case_id.removeprefix(context.profile.id_prefix)),
            "in_release": case_id in in_release,
            "n_image_n3": on_disk[case_id, f"image_{sets.get('native')}"],
            "n_image_zscored": on_disk[case_id, f"image_{sets.get('normalized')}"],
            "has_mask_ftv": on_disk[case_id, sets.get("functional", "")] > 0,
            "has_mask_stv_manual": on_disk[case_id, sets.get("expert", "")] > 0,
            "has_mask_stv_resunet": on_disk[case_id, sets.get("network", "")] > 0,
            **{column: case_id in cases for column, cases in of_sheets.items()},
            "is_complete": all(
                name.identity in identities for name in list_blobs_of_case(case_id, context.profile)
            ),
            "known_issue": None,
        }
        for case_id in sorted(named.union(in_release, *of_sheets.values()))
    ]
    return make_rows(TABLE, rows)


def _list_cases_in_release(context: Context) -> set[str]:
    """Return the cases that a blob, the publisher's manifest or the features workbook names.

    Each has rows in `blobs`, of files that are missing too. A mask of the user's own makes no case.
    """
    is_own = ~pl.col("mask").is_in(list(context.profile.masks))
    named = context.table("blobs").filter(~is_own.fill_null(value=False))["case_id"]
    return {case_id for case_id in named if case_id is not None}
