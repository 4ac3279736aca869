"""The two wide views of the published features, whose columns SQL cannot name by itself.

    python -m etl.warehouse.feature_matrix

reads feature_catalog of the current project, and writes sql/views/feature_matrix.sql and
sql/views/feature_matrix_core.sql. Only a release with other features needs it.

Other engines get the pivot as it is written; DuckDB takes minutes for it at 37 million values, as
it first groups by case and feature. spread_lists() asks for the same in seconds.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from etl.model.store import write_text
from etl.warehouse.sql_words import literal, quoted

# Constant in the published table (computed from it; DATASET notes of the project). The view is
# static, so that its columns do not depend on the release; feature_catalog.is_constant says what
# is constant in the release that is loaded.
CONSTANTS = (
    "Histogram_Bins-128_Bins-128_Maximum",
    "Histogram_Bins-128_Bins-128_Minimum",
    "Histogram_Bins-128_Bins-128_Range",
    "Morphologic_OrientedBoundingBoxSize_Axis-0",
    "Morphologic_OrientedBoundingBoxSize_Axis-1",
    "Morphologic_OrientedBoundingBoxSize_Axis-2",
    "Morphologic_PerimeterOnBorder",
    "Morphologic_PerimeterOnBorderRatio",
    "Morphologic_PixelsOnBorder",
)
_BIN = re.compile(r"_Bin-\d+_(Frequency|Probability)$")
_NAME = re.compile(r"^ {8}'((?:[^']|'')+)'", re.MULTILINE)
_HEADER = """\
-- {purpose}
-- Written by `python -m etl.warehouse.feature_matrix`; a static pivot, because one
-- aggregate a feature takes a hundred times longer.
-- grain: one row per case with published features
-- key: case_id
-- source: names and order of the publisher's features workbook
-- columns:
--   case_id: The subject at baseline
--   *: Published value of the feature of this name; feature_catalog takes the name apart
"""
_BODY = """\
select * -- noqa: AM04
from features
pivot (
    first(value)
    for feature in (
{names}
    )
    group by case_id
)
order by case_id
"""
_PIVOT = re.compile(
    r"select \* -- noqa: AM04\nfrom features\npivot \(\n.*\norder by case_id\n", re.DOTALL
)
# The values of a case come in the order of the table's key. Where one is missing, or the rows of a
# case lie in two row groups, each value is looked up.
_LISTS = """\
with named as (
    select unnest([{names}]) as feature, unnest(range(1, {n} + 1)) as number
),

listed as (
    select features.case_id, list(features.value) as cells, list(named.number) as numbers
    from features
    left join named on features.feature = named.feature
    group by features.case_id
),

checked as (
    select case_id, cells, numbers, numbers = range(1, {n} + 1) as is_in_order from listed
)

select case_id, {cells}
from checked
order by case_id
"""
_CELL = (
    "cells[case when is_in_order then {number} else list_position(numbers, {number}) end] as {name}"
)
ALL = "Every published feature, wide, in the publisher's order and spelling."
CORE = "The published features without histogram bins and without the nine constant ones."


def is_core(name: str) -> bool:
    """Return whether a feature is neither a histogram bin nor constant in the published table."""
    return not _BIN.search(name) and not name.endswith(CONSTANTS)


def render(purpose: str, names: Sequence[str]) -> str:
    """Return the text of a view with one column per feature."""
    listed = ",\n".join(f"        {literal(name)}" for name in names)
    return _HEADER.format(purpose=purpose) + _BODY.format(names=listed)


def list_features_of(sql: str) -> list[str]:
    """Return the features that such a view holds, in order."""
    return [name.replace("''", "'") for name in _NAME.findall(sql)]


def spread_lists(sql: str) -> str:
    """Return the SQL of a view; such a pivot becomes one list of values per case, taken apart."""
    if not _PIVOT.search(sql):
        return sql
    columns = list_features_of(sql)
    in_order = sorted(columns)
    numbers = {name: number for number, name in enumerate(in_order, 1)}
    cells = (_CELL.format(number=numbers[name], name=quoted(name)) for name in columns)
    return _LISTS.format(
        names=", ".join(map(literal, in_order)), n=len(columns), cells=", ".join(cells)
    )


def write(views: Path, names: Sequence[str]) -> None:
    """Write both views into the folder `views`."""
    core = [name for name in names if is_core(name)]
    write_text(views / "feature_matrix.sql", render(ALL, names))
    write_text(views / "feature_matrix_core.sql", render(CORE, core))


def write_views() -> None:
    """Write both views of the current project from its feature_catalog."""
    from etl.model.project import find_root
    from etl.warehouse.connect import connect

    root = find_root()
    rows = connect(root).execute("select feature from feature_catalog order by position").fetchall()
    write(root / "sql" / "views", [row[0] for row in rows])


if __name__ == "__main__":
    write_views()
