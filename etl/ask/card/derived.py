"""The sections of the card on what is derived from several blobs of a case."""

from __future__ import annotations

from typing import TYPE_CHECKING

from etl.ask.card import markdown as md
from etl.ask.card.sections import Lines, ask

if TYPE_CHECKING:
    import duckdb


def agreement(connection: duckdb.DuckDBPyConnection) -> Lines:
    """How far the masks of a case agree, pair by pair: medians."""
    rows = ask(
        connection,
        """
        select mask_a, mask_b, any_value(n_known),
            max(value_median) filter (where measure = 'dice'),
            max(value_median) filter (where measure = 'hausdorff95_mm'),
            max(value_median) filter (where measure = 'volume_ratio')
        from agreement_summary group by mask_a, mask_b order by mask_a, mask_b
        """,
    )
    cells = [[*map(md.text, row[:3]), *(md.fixed(value, 2) for value in row[3:])] for row in rows]
    head = ("mask a", "mask b", "cases", "Dice", "Hausdorff 95 %, mm", "volume a / b")
    return md.table(head, cells)


def enhancement(connection: duckdb.DuckDBPyConnection) -> Lines:
    """Medians over the cases of PE and SER, and how many cases have phases on different scales."""
    rows = ask(
        connection,
        """
        select mask, image_set, count(pe_median_percent), median(pe_median_percent),
            median(ser_median), median(washout_fraction) * 100
        from kinetics group by mask, image_set order by mask, image_set desc
        """,
    )
    cells = [
        [*map(md.text, names), md.fixed(pe, 0, " %"), md.fixed(ser, 2), md.fixed(washout, 0, " %")]
        for *names, pe, ser, washout in rows
    ]
    head = ("mask", "images", "cases", "PE", "SER", "washout")
    return [*md.table(head, cells), *_scales(connection)]


def _scales(connection: duckdb.DuckDBPyConnection) -> Lines:
    rows = ask(
        connection,
        """
        select count(distinct case_id) filter (where is_stretched), count(distinct case_id)
        from phase_scale
        """,
    )
    return [
        line
        for stretched, cases in rows
        for line in ("", f"N3 phases on different scales: {stretched:,} of {cases:,} cases.")
    ]


def audit(connection: duckdb.DuckDBPyConnection) -> Lines:
    """How the published features stand against their recomputation, tier by tier."""
    rows = ask(
        connection,
        """
        select tier, count(*), count(*) filter (where verdict like 'agrees%'),
            count(*) filter (where verdict = 'differs'), sum(n_wrong_values)
        from feature_audit group by tier order by tier
        """,
    )
    head = ("tier", "features", "agree", "differ", "wrong values")
    return md.table(head, [[md.text(value) for value in row] for row in rows])
