"""Keep the table files of this schema version for ever: tests/archives/schema_<version>.zip.

Run it once for each new SCHEMA_VERSION, at the commit that releases it, from the project's folder:
`PYTHONPATH=.:tests python -m archives.make`. An archive that exists is never written again.
"""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path

from made.small import make_project

from etl.model.errors import UserError
from etl.model.project import TABLES
from etl.model.schema import SCHEMA_VERSION

HERE = Path(__file__).parent
_EPOCH = (1980, 1, 1, 0, 0, 0)


def archive_path(version: int) -> Path:
    """The archive of one schema version."""
    return HERE / f"schema_{version}.zip"


def make(target: Path) -> Path:
    """Write the small tables of tests/made/small as this program writes them today.

    Raises:
        UserError: the archive exists.
    """
    if target.exists():
        message = f"{target}: exists; an archive is never changed. Raise SCHEMA_VERSION first."
        raise UserError(message)
    with tempfile.TemporaryDirectory() as scratch, zipfile.ZipFile(target, "w") as archive:
        folder = make_project(Path(scratch, "project")) / TABLES
        for path in sorted(folder.glob("*.parquet")):
            entry = zipfile.ZipInfo(path.name, _EPOCH)
            archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
    return target


if __name__ == "__main__":
    make(archive_path(SCHEMA_VERSION))
