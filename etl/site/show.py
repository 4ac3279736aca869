"""A case on one screen: its picture as a file, its figures as lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from etl.ask.card.montage import name_in_full, name_in_words
from etl.ask.card.palette import number_masks
from etl.ask.card.template import Row
from etl.model.errors import UserError
from etl.model.profile import Profile, load_profile
from etl.model.store import require_tables, write_atomically
from etl.site.broken import Breach, Verdict, read_verdict
from etl.site.build import SITE
from etl.site.cases import format_cell, read_context, summarize_case
from etl.site.facts import CaseFacts, list_lacking, read_facts
from etl.site.montage import make_montages
from etl.site.page import Site, format_number
from etl.text.values import convert_for_json, shorten, shorten_cell, strip_controls
from etl.warehouse.connect import connect, hide_python_objects

OWN = "own"  # where a picture goes that the site does not have
WIDTH, HEIGHT = 80, 22  # of a terminal, less the lines of the prompt
N_MASKS, N_PAIRS, N_BREACHES = 5, 4, 3
_MASK = "{:<27}{:>8}{:>7}{:>9}{:>9}{:>7}{:>12}"
_PAIR = "{:<44}{:>8}{:>12}{:>14}"


@dataclass(frozen=True, slots=True)
class Shown:
    """A case as it is shown. `picture`: its file; None without one, and `note` says why."""

    case: CaseFacts
    profile: Profile
    verdict: Verdict = field(default_factory=Verdict)
    picture: Path | None = None
    note: str = ""

    @property
    def breaches(self) -> Sequence[Breach]:
        """The contracts that the case breaks."""
        return self.verdict.by_case.get(self.case.case_id, ())


def show_case(root: Path, words: str, output: Path | None = None) -> Shown:
    """Return what is known of a case, with its picture in a file.

    Args:
        root: the project.
        words: the case, in any spelling.
        output: where the picture goes. Default: the site's where it is of today, else own/CASE.png.

    Raises:
        UserError: no such case in the release, nothing is built, or the disk refuses.
    """
    require_tables(root)
    profile = load_profile(root)
    case_id = profile.case_id(words) or words
    with connect(root) as connection:
        hide_python_objects(connection)
        cases = read_facts(connection, profile, case_id)
        if not cases:
            ids = connection.execute("select case_id from cases where in_release").fetchall()
            raise UserError(_describe_unknown(case_id, sorted(row[0] for row in ids)))
        verdict = read_verdict(Site(root, connection, profile, root / SITE))
    return _add_picture(root, Shown(cases[0], profile, verdict), output)


def _add_picture(root: Path, shown: Shown, output: Path | None) -> Shown:
    case_id, folder = shown.case.case_id, root / SITE / "cases"
    (montage,) = make_montages(read_context(root), folder, [case_id])
    if montage.content is None:
        return replace(shown, note=_explain_absence(shown.case))
    of_site, note = folder / f"{case_id}.png", "" if montage.is_current else "of earlier blobs, "
    if output is None and of_site.is_file() and of_site.read_bytes() == montage.content:
        return replace(shown, picture=of_site, note=note)
    path, content = output or root / OWN / f"{case_id}.png", montage.content
    write_atomically(path, lambda target: target.write_bytes(content))
    return replace(shown, picture=path, note=note)


def _explain_absence(case: CaseFacts) -> str:
    if any(row["md5"] for row in case.rows.get("blobs", ())):
        return "none: the blobs of the case are not here; `dvc pull` brings them"
    return "none: the release holds no image and no mask of the case"


def _describe_unknown(case_id: str, ids: Sequence[str]) -> str:
    near = get_close_matches(case_id, ids, 3, 0.4)
    hint = f"The nearest: {', '.join(near)}." if near else f"There are {', '.join(ids[:3])}, ..."
    return f'{case_id}: no case of this release. {hint} `ispy1 sql "from cases"` lists them.'


def convert_shown(shown: Shown) -> dict[str, Any]:
    """Return a case for machines: its figures, and the rows that they are from."""
    left_out = ("cases", "blobs", "acquisitions", "published_features")
    value = {
        **summarize_case(shown.case, shown.profile.sets, shown.breaches),
        "broken_contracts": [breach.as_json() for breach in shown.breaches],
        "verdict_note": shown.verdict.note,
        "picture": str(shown.picture) if shown.picture else None,
        "tables": {name: rows for name, rows in shown.case.rows.items() if name not in left_out},
    }
    return dict(convert_for_json(value))


def format_lines(shown: Shown, *, whole: bool = False) -> Iterator[str]:
    """Yield a case as lines that fit one screen.

    Args:
        shown: the case.
        whole: all that is broken and found, in whole texts, however many lines that takes.
    """
    texts = _list_texts(shown, whole=True)
    if whole:
        yield from texts
        return
    screen = [shorten_cell(text, WIDTH) for text in _list_texts(shown, whole=False)]
    yield from screen
    if screen != texts:
        yield f"All of it, in whole texts: ispy1 show {shown.case.case_id} --all"


def _list_texts(shown: Shown, *, whole: bool) -> list[str]:
    """Return the lines, none of them cut; as many as a screen has, or all."""
    limit = None if whole else N_BREACHES
    lines = [*_list_head(shown), *_list_breaches(shown, limit), *_list_figures(shown, whole=whole)]
    room = None if whole else max(1, (HEIGHT - len(lines) - 2) // 2)
    lines += _list_findings(shown.case.rows.get("findings", ()), room)
    return [strip_controls(line).rstrip() for line in lines]


def _list_head(shown: Shown) -> Iterator[str]:
    case, sets = shown.case, shown.profile.sets
    summary = summarize_case(case, sets)
    mark = "PHANTOM " if shown.profile.is_phantom else ""
    lacking = list_lacking(case)
    pcr = "unknown" if summary["pcr"] is None else format_cell(summary["pcr"])
    yield (
        f"{mark}{case.case_id}  {summary['subtype'] or 'subtype unknown'}, pCR {pcr}, "
        f"fold {format_cell(summary['fold'])}, {summary['scanner'] or 'scanner unknown'}"
    )
    if lacking or not summary["is_complete"]:
        yield f"INCOMPLETE: {', '.join(lacking)}"
    yield f"picture: {shown.note}{_name_path(shown.picture) if shown.picture else ''}"
    if shown.verdict.note:
        yield f"verdict: {shown.verdict.note}"
    yield ""


def _list_breaches(shown: Shown, limit: int | None) -> Iterator[str]:
    """Yield the broken contracts: a line each up to a limit; without one, all that is said."""
    if not shown.breaches:
        return
    yield f"BROKEN contracts of the gate: {len(shown.breaches)}"
    for breach in shown.breaches[:limit]:
        contract, what = breach.contract, ", ".join(breach.what)
        yield f"  {contract.severity} {contract.suite}: {contract.expectation}"
        if limit is None:
            yield from (f"    in this case: {text}" for text in filter(None, [what]))
            yield f"    observed: {contract.observed}"
            yield f"    fix: {contract.fix}"
    if limit is not None and len(shown.breaches) > limit:
        yield f"  and {len(shown.breaches) - limit} more"
    yield ""


def _list_figures(shown: Shown, *, whole: bool) -> Iterator[str]:
    case, sets = shown.case, shown.profile.sets
    yield _MASK.format("mask", "cm3", "parts", "size mm", "PE % ph1", "SER", "gain % ph2")
    mask_sets = [*number_masks(shown.profile, (row["mask"] for row in case.rows.get("masks", ())))]
    for name in mask_sets[: None if whole else N_MASKS]:
        yield _format_mask(case, name, sets)
    pairs = [row for row in case.rows.get("mask_agreement", ()) if _names_expert(row, sets)]
    if pairs:
        yield ""
        yield _PAIR.format("agreement", "Dice", "HD95 mm", "volume ratio")
    for row in pairs[: None if whole else N_PAIRS]:
        names = " and ".join(name_in_words(row[name], sets) for name in ("mask_a", "mask_b"))
        values = (row["dice"], row["hausdorff95_mm"], row["volume_ratio"])
        yield _PAIR.format(shorten(names, 43), *map(format_number, values))
    yield ""


def _name_path(path: Path) -> str:
    """Return a path as a user of this folder writes it."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def _names_expert(row: Row, sets: Mapping[str, str]) -> bool:
    return "expert" not in sets or sets["expert"] in (row["mask_a"], row["mask_b"])


def _format_mask(case: CaseFacts, name: str, sets: Mapping[str, str]) -> str:
    mask, kinetics = case.find("masks", mask=name), case.find("kinetics", mask=name)
    gain = case.find("enhancement", mask=name, phase=2)
    return _MASK.format(
        shorten(name_in_full(name, sets), 26),
        format_number(mask.get("volume_cm3")),
        format_number(mask.get("n_components"), "d"),
        format_number(mask.get("max_diameter_mm"), ".1f"),
        format_number(kinetics.get("pe_median_percent"), ".0f"),
        format_number(kinetics.get("ser_median")),
        format_number(gain.get("gain_percent"), ".0f"),
    )


def _list_findings(rows: Sequence[Row], limit: int | None) -> Iterator[str]:
    """Yield the first findings, two lines each."""
    shown = rows[:limit]
    first = f", the first {len(shown)}" if len(shown) < len(rows) else ""
    yield f"findings: {len(rows) or 'none'}{first}"
    for row in shown:
        yield f"  {row['severity']} {row['check']}: {row['observed']}, not {row['expected']}"
        yield f"    fix: {row['fix']}"
