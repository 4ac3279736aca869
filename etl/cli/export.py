"""The command `export`: the warehouse for people without it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from etl.cli.progress import progress_bar
from etl.cli.sql import RevOption
from etl.model import project
from etl.model.errors import UserError

if TYPE_CHECKING:
    from etl.exchange.target import Exported

WORKBOOK = "xlsx"


FilesOption = Annotated[
    list[str] | None,
    typer.Option("--files", help="json or csv (lists of files), xlsx (Excel)."),
]
DialectOption = Annotated[
    str | None,
    typer.Option(help="Write one SQL script for this engine: spark, postgres or duckdb."),
]
ForceOption = Annotated[
    bool, typer.Option("--force", help="Write into a folder that holds something.")
]
FormatOption = Annotated[
    str | None, typer.Option("--table-format", help="delta: tables with versions, alone.")
]
SheetsOption = Annotated[
    list[str] | None,
    typer.Option("--table", help="With --files xlsx: this table or view, and no other file."),
]
ToolOption = Annotated[
    str | None,
    typer.Option("--for", metavar="TOOL", help="nnunet, monai, croissant, rocrate or seg."),
]
ImagesOption = Annotated[
    str | None, typer.Option(help="With --for: n3 or zscored. Default: on the masks' grid.")
]
MasksOption = Annotated[
    str | None, typer.Option(help="With --for: this mask set. Default: the expert's.")
]
CopyOption = Annotated[
    str | None, typer.Option(help="With --for: symlink (default), hardlink or copy.")
]
DicomOption = Annotated[
    Path | None, typer.Option(help="With --for seg: the folder of the series.", file_okay=False)
]
SoundOption = Annotated[
    bool,
    typer.Option("--sound", help="With --for: without cases that break a critical contract."),
]


def register(app: typer.Typer) -> None:
    """Add the command of this topic."""
    app.command()(export)


def export(  # noqa: PLR0913  typer makes an option of each
    folder: Annotated[Path, typer.Argument(help="Where to; made where it does not exist.")],
    *,
    files: FilesOption = None,
    dialect: DialectOption = None,
    force: ForceOption = False,
    table_format: FormatOption = None,
    rev: RevOption = None,
    sheets: SheetsOption = None,
    tool: ToolOption = None,
    images: ImagesOption = None,
    masks: MasksOption = None,
    copy: CopyOption = None,
    dicom: DicomOption = None,
    sound: SoundOption = False,
) -> None:
    """Write the warehouse for people without it: Parquet, one DuckDB file, data dictionary.

    `--files` adds a list of the images and masks of each case, with absolute paths and folds; of
    xlsx, a workbook: a sheet per table and view, and a dictionary of columns. With `--table` the
    workbook is written alone.
    `--dialect` writes for an engine that you run: Parquet tables, and one script that makes tables,
    views with their comments and functions; what it cannot carry over stands in it, and is said.
    `--table-format delta` writes Delta tables instead, into the same folder again and again: what a
    revision changed is a version of a table, and `versions.csv` says which.

    `--for TOOL` writes what another tool reads. Cases that lack a file, or whose grids differ, are
    left out and named. Where the gate is red, the cases that break a critical contract are named;
    `--sound` leaves them out.
    - `nnunet`: a raw data set of nnU-Net v2: phases as channels, labels 0 and 1, folds
    - `monai`: the same files, and a list for `monai.data.load_decathlon_datalist`
    - `croissant`: the tables as Parquet, and a description of them and the blobs (MLCommons)
    - `rocrate`: the same tables, and the run that made them (Workflow Run RO-Crate)
    - `seg`: masks as DICOM SEG, where `--dicom` names the series that they were drawn on

    Examples:
    - `ispy1 export out`
    - `ispy1 export out --files json --files csv --force`
    - `ispy1 export out --files xlsx --table cohort --table volumes`
    - `ispy1 export out --dialect spark`, then `spark-sql -f out/views.spark.sql`
    - `ispy1 export out --dialect postgres`, then `cd out && psql -f views.postgres.sql`
    - `ispy1 export lake --table-format delta --rev v1.0`
    - `ispy1 export $nnUNet_raw/Dataset101_ISPY1 --for nnunet --masks stv_manual`
    - `ispy1 export out --for monai --masks ftv --copy copy`
    - `ispy1 export out --for croissant`
    - `ispy1 export out --for seg --masks ftv --dicom idc/`
    """
    options = {
        "images": images, "masks": masks, "copy": copy, "dicom": dicom, "sound": sound or None,
    }  # fmt: skip
    _refuse_mixed(tool, table_format, rev, options, of_files=bool(files or sheets or dialect))
    cases: Sequence[str] = ()
    if tool:
        cases = _export_for(tool, folder, options, force=force)
    elif table_format:
        _export_delta(folder, rev, force=force)
    else:
        _export_tables(folder, files or [], sheets or [], dialect, force=force)
    if not rev:
        _warn_of_verdict(cases)


def _refuse_mixed(
    tool: str | None,
    table_format: str | None,
    rev: str | None,
    options: dict[str, Any],
    *,
    of_files: bool,
) -> None:
    """Refuse options that belong to different exports.

    Args:
        tool: of `--for`.
        table_format: of `--table-format`.
        rev: of `--rev`.
        options: those that belong to `--for`, by name.
        of_files: whether one of the export of files was given.
    """
    message = ""
    if tool:
        if table_format or rev or of_files:
            message = f"--for {tool}: takes --images, --masks, --copy, --dicom, --sound, --force."
    elif any(options.values()):
        message = "--images, --masks, --copy, --dicom, --sound: belong to --for TOOL."
    elif (table_format or rev) and (table_format != "delta" or of_files):
        message = "--table-format: expected delta, with --rev and --force alone."
    if message:
        raise UserError(message)


def _export_tables(
    folder: Path, files: list[str], sheets: list[str], dialect: str | None, *, force: bool
) -> None:
    from etl.warehouse.dialects.scripts import DIALECTS
    from etl.warehouse.export import FILES_FORMATS
    from etl.warehouse.export import export as write

    unknown = sorted(set(files) - {*FILES_FORMATS, WORKBOOK})
    if unknown:
        message = f"--files {unknown[0]}: expected json, csv or xlsx."
        raise UserError(message)
    engine = next((name for name in DIALECTS if name == dialect), None)
    if dialect and not engine:
        message = f"--dialect {dialect}: expected spark, postgres or duckdb."
        raise UserError(message)
    if engine and files:
        message = "--files: belongs to an export without --dialect. Leave one of both out."
        raise UserError(message)
    if sheets and set(files) != {WORKBOOK}:
        message = "--table: belongs to --files xlsx alone. Name that, or leave it out."
        raise UserError(message)
    forms = [form for form in FILES_FORMATS if form in files]
    root = project.find_root()
    if not sheets:
        with progress_bar("export") as advance:
            paths = write(root, folder, files=forms, dialect=engine, force=force, progress=advance)
        for path in paths:
            typer.echo(path)
    if WORKBOOK in files:
        from etl.exchange.xlsx import write_workbook

        with progress_bar("sheets") as advance:
            workbook = write_workbook(root, folder, sheets, advance, force=force or not sheets)
        _echo(workbook)


def _export_for(tool: str, folder: Path, options: dict[str, Any], *, force: bool) -> Sequence[str]:
    """Return the cases that were exported."""
    from etl.exchange import export_for
    from etl.exchange.target import Options

    with progress_bar(f"export for {tool}") as advance:
        chosen = Options(**options, force=force, progress=advance)
        exported = export_for(tool, project.find_root(), folder, chosen)
    _echo(exported)
    return exported.cases


def _warn_of_verdict(cases: Sequence[str]) -> None:
    from etl.exchange.verdict import describe_verdict

    for line in describe_verdict(project.find_root(), cases):
        typer.echo(line, err=True)


def _echo(exported: Exported) -> None:
    for line in (*exported.paths, *exported.notes):
        typer.echo(line)


def _export_delta(folder: Path, rev: str | None, *, force: bool) -> None:
    from etl.warehouse.delta import export_delta

    with progress_bar("tables") as advance:
        tables = export_delta(project.find_root(), folder, rev=rev, force=force, progress=advance)
    for exported in tables:
        note = "" if exported.is_new else " (unchanged)"
        typer.echo(f"{folder / exported.table} version {exported.version}{note}")
