"""The sections of the card. Each asks the warehouse one question or two, and says `none`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from etl.ask.card import markdown as md
from etl.gate.text import group, list_unjudged

if TYPE_CHECKING:
    import duckdb

    from etl.gate.report import Contract, GateReport

Rows = list[tuple[Any, ...]]
Lines = list[str]

MAX_LISTED = 20  # cases, contracts and files that a list spells out
FEW = 5  # cases that a cell names


def ask(connection: duckdb.DuckDBPyConnection, sql: str) -> Rows:
    """The rows of a query; none where a table or view is not there (a release in parts)."""
    import duckdb

    try:
        return connection.execute(sql).fetchall()
    except duckdb.CatalogException:
        return []


def subject(connection: duckdb.DuckDBPyConnection) -> Lines:
    """What the data set is, in two or three lines."""
    rows = ask(connection, "select title, dataset, doi, licence from inputs.release_info")
    lines = [
        f"- **{label}:** {md.text(value)}"
        for row in rows
        for label, value in zip(("Title", "Data set", "DOI", "Licence"), row, strict=True)
        if value is not None
    ]
    return [*lines, *_sizes(connection)]


def _sizes(connection: duckdb.DuckDBPyConnection) -> Lines:
    """How many cases and files, with what makes a case one of the release."""
    asked = "select name, n, definition from case_counts"
    known = {name: (n, definition) for name, n, definition in ask(connection, asked)}
    if not known:
        return []
    with_files = ask(
        connection,
        """
        select count(distinct case_id) from coverage
        where is_present and artefact not in ('features', 'clinical', 'outcomes')
        """,
    )
    n, definition = known["in_release_cases"]
    files = md.text(with_files[0][0] if with_files else 0)
    return [
        f"- **Cases:** {md.text(n)} in the release ({md.text(definition)}), {files} with files",
        f"- **Complete cases:** {md.text(known['complete_cases'][0])}",
        f"- **Images and masks on disk:** {md.text(known['image_and_mask_files'][0])}",
    ]


def resolution(connection: duckdb.DuckDBPyConnection) -> Lines:
    """Spacing and size of the z-scored images, each axis on its own."""
    rows = ask(
        connection,
        """
        select statistic, spacing_x_mm, spacing_y_mm, spacing_z_mm, size_x, size_y, size_z
        from resolution_summary where spacing_x_mm is not null
        """,
    )
    cells = [[r[0], _by(r[1:4]), _by(r[4:7])] for r in rows]
    return [
        "Z-scored images, each axis on its own: the three numbers need not belong to one image.",
        "",
        *md.table(("", "spacing, mm", "size, voxels"), cells),
    ]


def _by(values: tuple[Any, ...]) -> str:
    return " x ".join(md.text(float(value)) for value in values)


def grids(connection: duckdb.DuckDBPyConnection) -> Lines:
    """The two image sets: how many, which type, which axes."""
    rows = ask(
        connection,
        """
        select image_set, count(*), count(distinct case_id),
            string_agg(distinct stored_dtype, ', ' order by stored_dtype),
            string_agg(distinct orientation, ', ' order by orientation),
            count(distinct (size_x, size_y, size_z))
        from images group by image_set order by image_set
        """,
    )
    cells = [[md.text(value) for value in row] for row in rows]
    return md.table(("image set", "images", "cases", "stored as", "axes", "sizes"), cells)


def labels(connection: duckdb.DuckDBPyConnection) -> Lines:
    """Coverage and volumes of every mask set."""
    rows = ask(
        connection,
        """
        select mask, n_masks, n_nonempty, coverage * 100,
            volume_min_cm3, volume_median_cm3, volume_max_cm3
        from label_summary
        """,
    )
    cells = [
        [md.text(r[0]), md.text(r[1]), md.text(r[2]), md.fixed(r[3], 1, " %")]
        + [md.fixed(v, 2) for v in r[4:]]
        for r in rows
    ]
    head = ("mask", "measured", "not empty", "coverage", "min cm3", "median cm3", "max cm3")
    return md.table(head, cells)


def slices(connection: duckdb.DuckDBPyConnection) -> Lines:
    """The number of slices as the public card counts them."""
    rows = ask(connection, "select n_slices, n_images, n_cases from slice_count")
    return [
        f"{md.text(n)} slices in {md.text(images)} z-scored images of {md.text(cases)} cases "
        "(sum of the size along array axis 2)."
        for n, images, cases in rows
    ] or [md.NONE]


def coverage(connection: duckdb.DuckDBPyConnection) -> Lines:
    """What complete cases have, how many have it, and what is missing where."""
    rows = ask(
        connection,
        """
        select item, count(*) filter (where is_present), count(*) filter (where is_readable),
            count(*), 100 * avg(is_readable::int)
        from coverage group by item, item_number order by item_number
        """,
    )
    cells = [[*(md.text(v) for v in row[:4]), md.fixed(row[4], 1, " %")] for row in rows]
    lines = md.table(("item", "present", "readable", "of cases", "coverage"), cells)
    return [*lines, *_missing(connection)]


def _missing(connection: duckdb.DuckDBPyConnection) -> Lines:
    rows = ask(
        connection,
        """
        select case_id, string_agg(item, ', ' order by item_number)
        from coverage where not is_readable group by case_id order by case_id
        """,
    )
    if not rows:
        return []
    listed = [f"- {md.text(case)}: {md.text(items)}" for case, items in rows[:MAX_LISTED]]
    return ["", "Missing or not readable:", "", *listed, *_rest(len(rows), "cases", "coverage")]


def _rest(count: int, what: str, view: str) -> Lines:
    more = count - MAX_LISTED
    return [f"- and {more:,} more {what} (see the view `{view}`)"] if more > 0 else []


def counts(connection: duckdb.DuckDBPyConnection) -> Lines:
    """Every way to count, each with its definition."""
    rows = ask(connection, "select n, unit, name, definition from case_counts")
    cells = [[md.text(n), md.text(u), md.code(name), md.text(d)] for n, u, name, d in rows]
    return md.table(("n", "unit", "name", "definition"), cells)


def claims(connection: duckdb.DuckDBPyConnection) -> Lines:
    """Numbers that others state, and whether this release confirms them."""
    rows = ask(
        connection,
        """
        select stated, unit, who, count_name, n, is_confirmed, note from claims order by claim_id
        """,
    )
    words = {True: "confirmed", False: "not confirmed", None: "about another data set"}
    cells = [
        [*map(md.text, row[:3]), md.code(row[3]), md.text(row[4]), words[row[5]], md.text(row[6])]
        for row in rows
    ]
    head = ("stated", "unit", "by", "definition", "here", "verdict", "note")
    return md.table(head, cells)


def files(connection: duckdb.DuckDBPyConnection) -> Lines:
    """The file tree of the release: folders with what they hold, then single files."""
    rows = ask(
        connection,
        """
        with on_disk as (
            select regexp_extract(path, '^([^/]*/)?', 1) as folder, path, size_bytes
            from blobs where size_bytes is not null
        )
        select folder, count(*), sum(size_bytes)::bigint, min(path), max(path)
        from on_disk
        group by folder, if(folder = '', path, null)
        order by folder = '', folder, min(path)
        """,
    )
    if not rows:
        return [md.NONE]
    shown = rows[: 2 * MAX_LISTED]
    tree = [line for row in shown for line in _branch(row)]
    more = [f"... and {len(rows) - len(shown):,} more"] if len(rows) > len(shown) else []
    return ["```text", *tree, *more, "```", "", *_checksums(connection)]


def _branch(row: tuple[Any, ...]) -> Lines:
    folder, count, n_bytes, first, last = row
    if not folder:
        return [f"{md.plain(first)}  ({md.size(n_bytes)})".replace("```", "")]
    named = dict.fromkeys(path.removeprefix(folder) for path in (first, last))
    lines = [f"{folder}  ({count:,} files, {md.size(n_bytes)})", *(f"    {n}" for n in named)]
    if count > len(named):
        lines.insert(2, "    ...")
    return [line.rstrip().replace("`", "").replace("\n", " ") for line in lines]


def _checksums(connection: duckdb.DuckDBPyConnection) -> Lines:
    rows = ask(connection, "select verdict, count(*) from blobs group by verdict order by verdict")
    parts = ", ".join(f"{count:,} {verdict}" for verdict, count in rows)
    return [f"Against the publisher's checksums: {parts or md.NONE}."]


def contracts(report: GateReport | None) -> Lines:
    """The broken contracts, the worst first."""
    if report is None:
        return ["The gate has not judged these tables. Run `ispy1 repro`."]
    judged = [c for c in report.failing if c.n_checked]
    head = ("severity", "contract", "observed", "where", "fix")
    lines = md.table(head, map(_contract, judged[:MAX_LISTED]))
    empty = [f"- {md.text(line)}" for line in list_unjudged(report)]
    if empty:
        empty = ["", "Not judged, which is critical:", "", *empty]
    return [*lines, *_rest(len(judged), "contracts", "problems"), *empty]


def _contract(contract: Contract) -> list[str]:
    groups = group(contract.failing_cases)
    rest = [f"and {len(groups) - FEW:,} more"] if len(groups) > FEW else []
    named = "; ".join([*(g.words(FEW) for g in groups[:FEW]), *rest])
    texts = (contract.severity, contract.expectation, contract.observed, named)
    return [*map(md.text, texts), md.prose(contract.fix)]


def findings(connection: duckdb.DuckDBPyConnection) -> Lines:
    """What the build found wrong, by check."""
    rows = ask(
        connection,
        """
        select severity, "table", "check", count(*), min(observed), min(fix)
        from findings
        group by severity, "table", "check"
        order by list_position(['critical', 'warning', 'info'], severity), "table", "check"
        """,
    )
    cells = [[*map(md.text, row[:-1]), md.prose(row[-1])] for row in rows[:MAX_LISTED]]
    head = ("severity", "table", "check", "findings", "such as", "fix")
    return [*md.table(head, cells), *_rest(len(rows), "checks", "problems")]


def citation(connection: duckdb.DuckDBPyConnection) -> Lines:
    """Licence, attribution and what to cite."""
    rows = ask(connection, "select licence, attribution, citation from citation order by position")
    if not rows:
        return [md.NONE]
    licence, attribution, _ = rows[0]
    cite = [f"{number}. {md.text(row[2])}" for number, row in enumerate(rows, 1)]
    return [
        f"- **Licence:** {md.text(licence)}",
        f"- **Attribution:** {md.text(attribution)}",
        "",
        "Cite:",
        "",
        *cite,
    ]
