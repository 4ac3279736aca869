"""`ispy1 fsck`: is every byte what it should be, and which command repairs it where not.

Areas: the release against its index and the publisher's manifest, the DVC cache, the tables with
their footers and lineage, and an export. Nothing is changed.
"""

from __future__ import annotations

from pathlib import Path

from etl.ask.fsck.blobs import check_release
from etl.ask.fsck.cache import check_cache, read_tracked
from etl.ask.fsck.exported import check_export
from etl.ask.fsck.model import Problem, Progress, Report, format_lines
from etl.ask.fsck.tables import check_tables, has_tables
from etl.model import project
from etl.model.errors import UserError

__all__ = ["Problem", "Report", "format_lines", "fsck"]


def fsck(
    root: Path,
    *,
    quick: bool = False,
    export: Path | None = None,
    progress: Progress = lambda _done, _total: None,
) -> Report:
    """Check the project.

    Args:
        root: the project.
        quick: take DVC's word for what has the time and size that it knows, and do not hash the
            cache.
        export: a folder that `ispy1 export` wrote.
        progress: called with files hashed and files to hash, an area at a time.

    Raises:
        UserError: there is nothing to check, or the export is none.
    """
    release = project.release_path(root)
    if isinstance(release, Path) and not release.is_dir() and not has_tables(root):
        message = (
            f"{root}: neither a release nor a table is here. "
            "Run `make`, `ispy1 adopt PATH` or `dvc pull` first."
        )
        raise UserError(message)
    report = Report()
    tracked = read_tracked(root, report)
    check_release(tracked, report, read=not quick, progress=progress)
    check_cache(tracked, report, read=not quick, progress=progress)
    check_tables(tracked, report)
    if export is not None:
        check_export(root, export, report)
    return report
