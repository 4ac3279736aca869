"""The queries of the folder sql: templates, filled with what the tables of two versions are."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from etl.warehouse.connect import literal, quoted

if TYPE_CHECKING:
    from jinja2 import Environment

# Columns that say where a row comes from: another blob, not another value.
_LINEAGE = re.compile(
    r"path|md5|inputs_md5|part_md5|part_bytes|(\w+_)?blob_md5s?|size_bytes|content_crc32|content_bytes"
)
# Columns that say what there is.
_COVERAGE = re.compile(r"has_\w+|n_image_\w+|in_release|is_complete")
_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE", "DECIMAL")


def load_sql(name: str, /, **values: object) -> str:
    """Return a query of the folder sql, filled with values."""
    return _load_environment().get_template(f"{name}.sql").render(values)


@cache
def _load_environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(  # noqa: S701  SQL is no HTML: names and texts in it are quoted
        loader=FileSystemLoader(Path(__file__).with_name("sql")),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"literal": literal, "quoted": quoted}
    environment.tests |= {
        "numeric": _is_number,
        "lineage": _LINEAGE.fullmatch,
        "coverage": _COVERAGE.fullmatch,
    }
    return environment


def _is_number(kind: str | None) -> bool:
    """Return whether a DuckDB type is one of numbers."""
    return (kind or "").removeprefix("U").startswith(_NUMBERS) and "[" not in (kind or "")
