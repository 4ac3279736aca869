"""The table `cases`."""

from __future__ import annotations

from collections import Counter

from etl.errors import BadInputError
from etl.known_issues import PATH, known_issues
from etl.release import Identity, blobs_of_case
from etl.schema import CASE_ID, Table, parse_columns
from etl.tables import acquisitions, clinical, outcomes
from etl.tables.blobs import cases_in_release, features_cases, publisher_md5s
from etl.tables.trial import SheetForm, read_form
from etl.unit import Blob, Context, Measured, Row

TABLE = Table(
    name="cases",
    grain="One row a case of the release or subject of the trial",
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
        known_issue string? What known_issues.csv says about the case
        """),
    ),
    per="release",
    reads=("",),
    needs=("images", "masks"),
    files=(PATH,),
)


def measure(unit: tuple[Blob, ...], context: Context) -> Measured:
    """Which cases the files and workbooks name, and what each has on disk."""
    listed = publisher_md5s(unit, context, Measured())  # blobs reports a bad manifest
    in_release = set(cases_in_release(unit, listed, context))
    featured = set(features_cases(context))
    with_clinical = _subjects(clinical.FORM, context)
    with_outcomes = _subjects(outcomes.FORM, context)
    with_series = _with_series(context)
    with_blob = {blob.name.case_id for blob in unit if blob.name.case_id}
    on_disk = Counter(
        (blob.name.case_id, blob.name.mask or blob.name.artefact)
        for blob in {blob.name.identity: blob for blob in unit}.values()
    )
    rows = [
        {
            "case_id": case_id,
            "dataset": context.profile.dataset,
            "subject_number": int(case_id.removeprefix(context.profile.id_prefix)),
            "in_release": case_id in in_release,
            "n_image_n3": on_disk[case_id, "image_n3"],
            "n_image_zscored": on_disk[case_id, "image_zscored"],
            "has_mask_ftv": on_disk[case_id, "ftv"] > 0,
            "has_mask_stv_manual": on_disk[case_id, "stv_manual"] > 0,
            "has_mask_stv_resunet": on_disk[case_id, "stv_resunet"] > 0,
            "has_features": case_id in featured,
            "has_clinical": case_id in with_clinical,
            "has_outcomes": case_id in with_outcomes,
            "has_acquisitions": case_id in with_series,
        }
        for case_id in sorted(in_release | with_clinical | with_outcomes | with_series | with_blob)
    ]
    return Measured(rows)


def _subjects(form: SheetForm, context: Context) -> set[str]:
    """The subjects of a sheet; none where it cannot be read (its own table says why)."""
    try:
        return {row["case_id"] for row in read_form(form, context).rows}
    except BadInputError:
        return set()


def _with_series(context: Context) -> set[str]:
    """The subjects of the slice of the Imaging Data Commons; none where it cannot be read."""
    try:
        return acquisitions.subjects(context)
    except BadInputError:
        return set()


def assemble(measured: list[tuple[tuple[Blob, ...], Measured]], context: Context) -> Measured:
    """The cases, whether each is complete, and what is known about it."""
    readable = {row["path"] for table in ("images", "masks") for row in context.table(table)}
    known = _notes(context)
    identities = {blob.name.identity for blob in context.blobs if blob.path in readable}
    rows = [
        {
            **row,
            "is_complete": _complete(row, identities, context),
            "known_issue": known.get(row["case_id"]),
        }
        for _, found in measured
        for row in found.rows
    ]
    return Measured(rows)


def _complete(
    row: Row,
    identities: set[Identity],
    context: Context,
) -> bool:
    wanted = blobs_of_case(row["case_id"], context.profile)
    return all(name.identity in identities for name in wanted)


def _notes(context: Context) -> dict[str, str]:
    """Case -> the notes of known_issues.csv, joined."""
    notes: dict[str, list[str]] = {}
    for (case_id, _), note in known_issues(context.root).items():
        notes.setdefault(case_id, []).append(note)
    return {case_id: "; ".join(found) for case_id, found in notes.items()}
