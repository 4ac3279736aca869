"""The frames that the suites judge: one query per suite, asked of tables and profile together."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from etl.build.index import import_table, list_tables
from etl.gate.drift import QUANTILES, Reference
from etl.model.errors import UserError
from etl.model.git_tables import SCHEMAS
from etl.model.profile import Profile
from etl.model.release import list_blobs_of_case
from etl.model.schema import Table
from etl.tables.findings import TABLE as FINDINGS
from etl.warehouse.connect import INPUTS_SCHEMA
from etl.warehouse.views import fill_roles

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

FRAMES = "expectations/frames"


def hand_over(
    connection: duckdb.DuckDBPyConnection,
    profile: Profile,
    reference: Reference | None = None,
    folds: Mapping[tuple[str, str], str] | None = None,
) -> None:
    """Give the frames what they need beside the tables, as temporary tables.

    `profile_*`: what the profile declares. `reference_volumes`: the volumes at the last tag.
    `first_folds`: the fold that git's history of splits.csv first has, by data set and subject.
    `declared_tables`, `repeated_keys`, `pointers`: what the tables' declarations say of them.
    """
    volumes = reference.volumes.items() if reference else ()
    tag = reference.tag if reference else ""
    tables = {
        **_make_profile_tables(profile),
        "reference_volumes": (
            ("mask", "tag", *QUANTILES),
            [(mask, tag, *(values[name] for name in QUANTILES)) for mask, values in volumes],
        ),
        "first_folds": (
            ("dataset", "case_id", "fold"),
            [(*subject, fold) for subject, fold in (folds or {}).items()],
        ),
    }
    for name, (columns, rows) in tables.items():
        names = ", ".join(f"unnest(${column}) as {column}" for column in columns)
        values = {column: [row[n] for row in rows] for n, column in enumerate(columns)}
        connection.execute(f"create or replace temp table {name} as select {names}", values)
    # Views: a query over the tables as they are when a frame asks.
    for name, query in _make_declared_views().items():
        connection.execute(f"create or replace temp view {name} as {query}")


def _make_declared_views() -> dict[str, str]:
    """Return the queries that follow from the tables' declarations."""
    tables = [import_table(name).TABLE for name in list_tables()]
    keyed = [*tables, FINDINGS]
    return {
        "declared_tables": " union all ".join(f"select '{t.name}' as item" for t in tables),
        "repeated_keys": " union all ".join(_count_repeated(table) for table in keyed),
        "pointers": " union all ".join(
            _follow(table.name, column, target)
            for table in keyed
            for column, target in table.references.items()
        ),
    }


def _count_repeated(table: Table) -> str:
    key = ", ".join(table.key)
    return (
        f"select '{table.name}' as item, count(*) - (select count(*) from (select distinct {key} "  # noqa: S608  declared names
        f"from {table.name})) as n_repeated from {table.name}"
    )


def _follow(origin: str, column: str, target: str) -> str:
    """Return the query for the values of a column, and which are keys of the table they name."""
    relation = f"{INPUTS_SCHEMA}.{target}" if target in SCHEMAS else target
    return (
        f"select distinct '{origin}' as origin, '{target}' as points_to, a.{column} as pointer, "  # noqa: S608  declared names
        f"b.{column} is not null as has_target from {origin} as a "
        f"left join {relation} as b on a.{column} = b.{column} where a.{column} is not null"
    )


def _make_profile_tables(profile: Profile) -> dict[str, tuple[tuple[str, ...], list[Any]]]:
    """Return name -> columns and rows of what the profile declares."""
    files = list_blobs_of_case("{case_id}", profile)
    sheets = [sheet for sheet in ("features", "clinical") if sheet in profile.files]
    once = [kind for kind in ("captk_parameters", "acquisitions") if kind in profile.files]
    thresholds = profile.thresholds.items()
    return {
        "profile_files": (
            ("artefact", "mask", "phase", "path"),
            [
                *((f.artefact, f.mask, f.phase, f.path) for f in files),
                *((sheet, None, None, profile.files[sheet][0]) for sheet in sheets),
            ],
        ),
        "profile_release_files": (
            ("artefact", "path"),
            [(kind, profile.files[kind][0]) for kind in (*sheets, *once)],
        ),
        "profile_image_sets": (
            ("image_set", "grid"),
            [(name, image_set.grid) for name, image_set in profile.image_sets.items()],
        ),
        "profile_masks": (
            ("mask", "grid", "may_be_empty"),
            [(name, mask.grid, mask.may_be_empty) for name, mask in profile.masks.items()],
        ),
        "profile_words": (
            ("name", "word"),
            [(n, str(w)) for n, t in thresholds if isinstance(t.value, tuple) for w in t.value],
        ),
        "profile_numbers": (
            ("name", "number"),
            [(n, t.value) for n, t in thresholds if isinstance(t.value, (int, float))],
        ),
    }


def read_frame(
    connection: duckdb.DuckDBPyConnection, root: Path, suite: str, profile: Profile
) -> pd.DataFrame:
    """Return the frame that a suite judges: only strings, float64 and booleans without a null.

    Great Expectations takes a NaN for a null and skips it, so that a NaN would pass: a NaN of the
    tables becomes infinite here, which no bound lets through.

    Raises:
        UserError: the query fails, or gives a type that Great Expectations does not judge well.
    """
    import duckdb
    import pandas as pd

    path = root / FRAMES / f"{suite}.sql"
    try:
        sql = fill_roles(path.read_text(encoding="utf-8"), profile)
        columns = connection.execute(sql).fetchnumpy()
    except (OSError, duckdb.Error) as error:
        message = (
            f"{path}: cannot be asked ({' '.join(str(error).split())}). Correct the query, which "
            f"every suite has, or run `ispy1 repro` where it is a table that is missing."
        )
        raise UserError(message) from error
    return pd.DataFrame(
        {name: _make_column(path, name, values) for name, values in columns.items()}
    )


def _make_column(path: Path, name: str, column: Any) -> pd.Series[Any]:  # noqa: ANN401  numpy, masked or not
    import pandas as pd

    is_null = np.ma.getmaskarray(column)
    values = np.ma.getdata(column)
    if values.dtype.kind in "iuf":
        numbers = values.astype(np.float64)
        numbers[np.isnan(numbers)] = np.inf
        numbers[is_null] = np.nan
        return pd.Series(numbers)
    if values.dtype.kind == "b" and not is_null.any():
        return pd.Series(values)
    texts = [None if null else value for value, null in zip(values, is_null, strict=True)]
    if all(text is None or isinstance(text, str) for text in texts):
        return pd.Series(texts, dtype="str")
    message = f"{path}: {name} is {values.dtype}; expected text, numbers or booleans without null."
    raise UserError(message)
