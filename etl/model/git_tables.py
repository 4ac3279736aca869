"""The small inputs of the SQL layer: CSV files under git, and what the profile says.

They are in-memory tables of the schema `inputs`, so that views can join them like any table.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from pathlib import Path

from etl.model import project
from etl.model.errors import UserError
from etl.model.profile import Profile, list_expected_ids
from etl.model.schema import CASE_ID, Column, TableSchema, parse_columns

Value = str | int | float | bool | None
Rows = tuple[tuple[Value, ...], ...]

CLAIMS = TableSchema(
    name="claims",
    grain="One row per number that somebody states about a data set",
    key=("claim_id",),
    columns=parse_columns("""
        claim_id int64 Number of the claim
        dataset string Data set that the claim is about
        stated int64 The number that is stated
        unit string What is counted: cases, images, slices, files, subjects, studies or series
        who string Who states it
        count_name string Definition of case_counts that they seem to use
        note string How the number came about, as far as it is known
    """),
)
SPLITS = TableSchema(
    name="splits",
    grain="One row per subject that has a fold",
    key=("case_id",),
    columns=(
        CASE_ID,
        *parse_columns("""
        fold int64 Fold, 0 to 4; a subject never moves
        subtype string? Subtype when the fold was given
        pcr bool? Pathologic complete response when the fold was given
        dataset string Data set of the subject: strata are counted within it
        """),
    ),
)
KNOWN_ISSUES = TableSchema(
    name="known_issues",
    grain="One row per failure that is known and explained",
    key=("case_id", "field"),
    columns=(
        CASE_ID,
        *parse_columns("""
        field string Field that is wrong
        observed string What is seen there
        note string Why it is so
        source string Where it is documented
        """),
    ),
)
PUBLISHED_CATALOG = TableSchema(
    name="published_catalog",
    grain="One row per family and statistic of the published features",
    key=("family", "statistic"),
    columns=parse_columns("""
        family string Feature family, such as Intensity
        statistic string The statistic; * for those of the family not listed
        tier string exact (the definition is known), concordance (known but for a detail),
            not_comparable
        is_fragile bool A few voxels change it by any amount, as a mode or a bin
        definition string What the publisher's program computes
        reason string? Why the tier is not exact
    """),
)
ADOPTED = TableSchema(
    name="adopted",
    grain="One row per mask that published features come from, as it first came",
    key=("case_id", "mask"),
    columns=(
        CASE_ID,
        *parse_columns("""
        mask string Mask set that the features were published from
        path string Path inside the release when it first came
        md5 string MD5 of the file as it first came
        content_crc32 int64 CRC-32 of its uncompressed stream
        content_bytes int64 [bytes] Length of its uncompressed stream
        voxel_digest string Hash of its size and foreground bits
        """),
    ),
)
RELEASE_INFO = TableSchema(
    name="release_info",
    grain="One row: what the profile says about the loaded release",
    key=("profile",),
    columns=parse_columns("""
        profile string Profile in expectations/profiles
        dataset string Name of the data set
        title string What the data set is
        is_phantom bool The release is synthetic and holds no patient
        doi string? Digital object identifier
        licence string Licence of the release
        attribution string The line that every use carries
    """),
)
CITATIONS = TableSchema(
    name="citations",
    grain="One row per citation that the profile asks for",
    key=("position",),
    columns=parse_columns("""
        position int64 Order of the citations, from 1
        citation string What to cite
    """),
)
EXPECTED_ITEMS = TableSchema(
    name="expected_items",
    grain="One row per thing that every complete case has, by the profile",
    key=("item",),
    columns=parse_columns("""
        position int64 Order of the items, from 1
        item string Name of the item, such as image_n3_0, mask_ftv or features
        artefact string image_n3, image_zscored, mask, features, clinical, outcomes
        mask string? Mask set, for masks
        phase int64? DCE phase, for images
    """),
)
EXPECTED_CASES = TableSchema(
    name="expected_cases",
    grain="One row per case that the release should hold, by the profile",
    key=("case_id",),
    columns=(CASE_ID,),
)
PARAMS = TableSchema(
    name="params",
    grain="One row per number in params.yaml",
    key=("name",),
    columns=parse_columns("""
        name string Dotted name, such as kinetics.pe_min_percent
        number double Its value, in the unit that params.yaml states
    """),
)
RECOMPUTED_CATALOG = TableSchema(
    name="recomputed_catalog",
    grain="One row per feature of recomputed_features",
    key=("feature",),
    columns=parse_columns("""
        position int64 Order of the features, from 1: IBSI's
        feature string Name: the tag of IBSI's reference values
        title string Name in words
        ibsi_code string? IBSI's permanent identifier of the definition
        family string morphology, intensity_statistics, glcm, ...
        family_code string IBSI's identifier of the family
        aggregation string? How the directions of a texture come together
        aggregation_code string? IBSI's identifier of the aggregation
        unit string? Unit; intensity: that of the image; null for a pure number
        needs_image bool It takes an image, not the mask alone
    """),
)

SCHEMAS: dict[str, TableSchema] = {
    schema.name: schema
    for schema in (
        CLAIMS, SPLITS, KNOWN_ISSUES, PUBLISHED_CATALOG, ADOPTED, RELEASE_INFO, CITATIONS,
        EXPECTED_ITEMS, EXPECTED_CASES, PARAMS, RECOMPUTED_CATALOG,
    )
}  # fmt: skip
CSV_FILES: dict[str, str] = {
    "claims": "sql/claims.csv",
    "splits": "splits.csv",
    "known_issues": "expectations/known_issues.csv",
    "recomputed_catalog": "sql/recomputed_catalog.csv",
    "published_catalog": "sql/published_catalog.csv",
    "adopted": "data/adopted.csv",
}

_PARSERS: dict[str, Callable[[str], Value]] = {
    "string": str,
    "int64": int,
    "bool": lambda cell: {"true": True, "false": False}[cell.lower()],  # Excel writes TRUE
}


def read_inputs(root: Path, profile: Profile) -> dict[str, Rows]:
    """Return the rows of every small input of the project at `root`; an absent CSV file has none.

    Raises:
        UserError: a CSV file does not have its columns, or a cell does not fit its column.
    """
    return {
        **{name: read_csv_input(SCHEMAS[name], root / path) for name, path in CSV_FILES.items()},
        **_list_profile_rows(root, profile),
    }


def read_known_issues(root: Path) -> dict[tuple[str, str], str]:
    """Return (case, field) -> note: faults of the publisher's own, which do not stop a build.

    Raises:
        UserError: as read_csv_input.
    """
    rows = read_csv_input(KNOWN_ISSUES, root / CSV_FILES[KNOWN_ISSUES.name])
    return {(str(case_id), str(field)): str(note) for case_id, field, _, note, _ in rows}


def read_csv_input(schema: TableSchema, path: Path) -> Rows:
    """Return the rows of one CSV file under git, typed; an empty cell is null.

    Raises:
        UserError: the columns differ from the schema's, or a cell does not fit.
    """
    if not path.is_file():
        return ()
    return parse_csv(schema, path.read_text(encoding="utf-8"), str(path))


def parse_csv(schema: TableSchema, text: str, where: str) -> Rows:
    """Return the rows in the text of such a file (`where` names it in errors)."""
    lines = csv.reader(io.StringIO(text.removeprefix("\ufeff")))  # Excel's mark of UTF-8
    header = tuple(next(lines, ()))
    if header != schema.names:
        message = (
            f"{where}: has the columns {', '.join(header)}; expected {', '.join(schema.names)}. "
            "Restore the file with git checkout."
        )
        raise UserError(message)
    return tuple(_parse_row(schema, cells, f"{where}:{lines.line_num}") for cells in lines)


def _parse_row(schema: TableSchema, cells: list[str], where: str) -> tuple[Value, ...]:
    if len(cells) != len(schema.columns):
        message = f"{where}: has {len(cells)} cells; expected {len(schema.columns)}. Correct it."
        raise UserError(message)
    pairs = zip(schema.columns, cells, strict=True)
    return tuple(_parse_cell(column, cell, where) for column, cell in pairs)


def _parse_cell(column: Column, cell: str, where: str) -> Value:
    if cell == "" and column.nullable:
        return None
    try:
        return _PARSERS[column.kind](cell)
    except (KeyError, ValueError) as error:
        message = f"{where}: {column.name} is {cell!r}; expected {column.kind}. Correct the file."
        raise UserError(message) from error


def _list_profile_rows(root: Path, profile: Profile) -> dict[str, Rows]:
    release_info = (
        profile.name, profile.dataset, profile.title, profile.is_phantom, profile.doi,
        profile.licence, profile.attribution.strip(),
    )  # fmt: skip
    return {
        "release_info": (release_info,),
        "citations": tuple(enumerate((text.strip() for text in profile.citations), 1)),
        "expected_items": tuple(_list_expected_items(profile)),
        "expected_cases": tuple((case,) for case in list_expected_ids(root, profile)),
        "params": tuple(_list_numbers(project.read_yaml(root / project.PARAMS))),
    }


def _list_numbers(value: object, name: str = "") -> Iterator[tuple[str, float]]:
    """Yield dotted name and value of every number in a part of params.yaml."""
    if isinstance(value, dict):
        for key, below in value.items():
            yield from _list_numbers(below, f"{name}.{key}" if name else str(key))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield name, float(value)


def _list_expected_items(profile: Profile) -> Iterator[tuple[Value, ...]]:
    images = [
        (f"image_{key}_{phase}", f"image_{key}", None, phase)
        for key in profile.image_sets
        for phase in profile.phases
    ]
    masks = [(f"mask_{mask}", "mask", mask, None) for mask in profile.masks]
    books = {"features": "features", "clinical": "clinical", "outcomes": "clinical"}
    sheets = [(s, s, None, None) for s, book in books.items() if book in profile.files]
    for position, item in enumerate((*images, *masks, *sheets), 1):
        yield (position, *item)


def format_csv(schema: TableSchema, rows: Rows) -> str:
    """Return the text of such a file: what parse_csv reads back."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(schema.names)
    writer.writerows([_format_value(value) for value in row] for row in rows)
    return out.getvalue()


def _format_value(value: Value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)
