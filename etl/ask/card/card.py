"""reports/card.md: the dataset card, every figure from SQL.

No clock and no git revision: the same release, code and verdict give the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from etl.ask.card import derived, sections
from etl.ask.card import markdown as md
from etl.gate.report import GateReport, find_stale, format_headline, read_report
from etl.gate.text import describe_stale
from etl.model import project
from etl.model.errors import UserError
from etl.model.profile import Profile, load_profile
from etl.model.store import read_footer, write_atomically
from etl.versions import dvc

if TYPE_CHECKING:
    import duckdb

CARD = "reports/card.md"
PICTURE = "card.png"  # beside the card
NO_PICTURE = "No picture: run `ispy1 card`."
NOT_RECORDED = "not recorded: the release was not built by `ispy1 repro`"


@dataclass(frozen=True, slots=True)
class Facts:
    """What the card says beside the answers of SQL."""

    profile: Profile
    release_hash: str | None
    recipes: dict[str, str]  # table -> recipe
    report: GateReport | None  # None: the gate did not judge these tables
    changes: list[str] = field(default_factory=list)  # since the gate judged
    has_picture: bool = True


def write_card(root: Path) -> Path:
    """Write reports/card.md of the project at `root`; give its path.

    Raises:
        UserError: there is no table, the warehouse cannot be opened, or the disk refuses.
    """
    from etl.warehouse.connect import connect

    if not any((root / project.TABLES).glob("*.parquet")):
        message = f"{root / project.TABLES}: no table is built yet. Run `ispy1 repro`."
        raise UserError(message)
    with connect(root) as connection:
        lines = render(connection, facts(root))
    path = root / CARD
    write_atomically(path, lambda target: target.write_text(lines, encoding="utf-8"))
    return path


def facts(root: Path) -> Facts:
    """Hash, recipes and verdict of the project at `root`."""
    tables = [p for f in (project.TABLES, project.GATE) for p in (root / f).glob("*.parquet")]
    return Facts(
        load_profile(root),
        dvc.release_hash(root),
        {path.stem: _recipe(path) for path in sorted(tables, key=lambda path: path.stem)},
        _report(root),
        find_stale(root, blobs=False),
        (root / CARD).with_name(PICTURE).is_file(),
    )


def _recipe(path: Path) -> str:
    try:
        return str(read_footer(path)["recipe"])
    except (KeyError, TypeError, json.JSONDecodeError):  # a table that the project did not write
        return md.NONE


def _report(root: Path) -> GateReport | None:
    try:
        return read_report(root)
    except UserError:  # the message names this machine's folders: the card says it in its own words
        return None


def render(connection: duckdb.DuckDBPyConnection, known: Facts) -> str:
    """The card as Markdown.

    Args:
        connection: the warehouse.
        known: what no query can answer.
    """
    # A table that is missing must be missing, and not the Python object of the same name.
    connection.execute("set python_enable_replacements = false")
    lines: list[str] = [_title(known.profile), "", *_verdict(known), ""]
    picture = f"![Three planes of one case]({PICTURE})" if known.has_picture else NO_PICTURE
    lines += [*sections.subject(connection), "", picture]
    for title, body in _sections(connection, known):
        lines += ["", f"## {title}", "", *body]
    return "\n".join(lines) + "\n"


def _title(profile: Profile) -> str:
    name = md.text(profile.dataset)
    return f"# PHANTOM: {name} (synthetic, no patient data)" if profile.is_phantom else f"# {name}"


def _verdict(known: Facts) -> list[str]:
    if known.report is None:
        return ["**Verdict: none.** The gate has not judged these tables."]
    words = (
        describe_stale(known.report, known.changes)
        if known.changes
        else format_headline(known.report)
    )
    colour, _, counts = words.partition(": ")
    return [f"**Verdict: {colour}**: {md.text(counts)}"]


def _sections(
    connection: duckdb.DuckDBPyConnection, known: Facts
) -> Iterator[tuple[str, list[str]]]:
    yield "Resolution", sections.resolution(connection)
    yield "Images", sections.grids(connection)
    yield "Labels", sections.labels(connection)
    yield "Agreement of the masks", derived.agreement(connection)
    yield "Enhancement", derived.enhancement(connection)
    yield "Published features", derived.audit(connection)
    yield "Slices", sections.slices(connection)
    yield "Coverage", sections.coverage(connection)
    yield "Counts", sections.counts(connection)
    yield "Claims", sections.claims(connection)
    yield "Files", sections.files(connection)
    yield "Broken contracts", sections.contracts(known.report)
    yield "Findings", sections.findings(connection)
    yield "Version", _version(connection, known)
    yield "Licence and citation", sections.citation(connection)


def _version(connection: duckdb.DuckDBPyConnection, known: Facts) -> list[str]:
    """Which release, by its DVC hash, and which recipe made every table."""
    release = md.code(known.release_hash) if known.release_hash else NOT_RECORDED
    rows: list[list[str]] = []
    for table, recipe in known.recipes.items():
        found: list[tuple[Any, ...]] = sections.ask(connection, f'select count(*) from "{table}"')  # noqa: S608  a file name of ours
        rows.append([table, md.text(found[0][0]) if found else md.NONE, md.code(recipe)])
    return [
        f"- **Release (DVC hash):** {release}",
        f"- **Profile:** {md.code(known.profile.name)}",
        "",
        *md.table(("table", "rows", "recipe"), rows),
    ]
