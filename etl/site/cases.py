"""The pages of the cases: a table of all, and of each its picture and all that is known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from etl.ask.card.montage import name_in_words
from etl.ask.card.palette import number_masks
from etl.ask.card.picture import make_context
from etl.build.recipe import make_module_recipe
from etl.model import project
from etl.model.profile import load_profile
from etl.model.store import table_path
from etl.site.broken import Breach, Verdict, count_critical, read_verdict
from etl.site.curve import make_curve
from etl.site.facts import (
    CaseFacts,
    list_lacking,
    list_measures,
    name_scanner,
    read_columns,
    read_facts,
)
from etl.site.montage import Montage, make_montages
from etl.site.page import TEMPLATES, File, Site, render_page, renew_page
from etl.site.palette import list_legend
from etl.tables.unit import Context
from etl.text.markdown import NONE
from etl.text.values import format_figure

VIEWER = "https://viewer.imaging.datacommons.cancer.gov/v3/viewer/"
# Tables whose columns are shown one below the other: name, its words, what tells its rows apart.
MEASURES = (
    ("masks", "Volume, size and place", ("mask", "path")),
    ("mask_agreement", "Agreement of the masks", ("mask_a", "mask_b")),
    ("kinetics", "Uptake of contrast", ("mask", "image_set")),
    ("clinical", "Clinical", ()),
    ("outcomes", "Outcome", ()),
    ("scanner_by_case", "Baseline study", ("in_release",)),
)


@dataclass(frozen=True, slots=True)
class Shared:
    """What the pages of all cases have in common."""

    context: Context
    colours: Mapping[str, int]  # mask set -> number in the palette
    columns: Mapping[str, Mapping[str, Any]]  # table -> column -> meaning and unit
    verdict: Verdict
    recipe: str  # a hash of the code and templates of the pages


def make_pages(site: Site) -> Iterator[File]:
    """Yield the table of cases, and of each case its picture and its page."""
    cases = read_facts(site.connection, site.profile)
    context = read_context(site.root)
    colours = number_masks(site.profile, context.mask_sets)
    columns = read_columns(site.connection, [n for n, *_ in MEASURES])
    recipe = make_module_recipe(site.root, __name__, site.profile, sorted(TEMPLATES.iterdir()))
    shared = Shared(context, colours, columns, read_verdict(site), recipe)
    yield _render_index(site, shared, cases)
    ids = [case.case_id for case in cases]
    montages = make_montages(context, site.folder / "cases", ids)
    around = zip(["", *ids], [*ids[1:], ""], strict=False)
    for n_done, (case, montage, (before, after)) in enumerate(
        zip(cases, montages, around, strict=False)
    ):
        site.advance(n_done, len(cases))
        if montage.content is not None:
            yield File(f"cases/{case.case_id}.png", montage.content)
        yield _render_case(site, shared, case, montage, {"prev": before, "next": after})


def read_context(root: Path) -> Context:
    """Return the release, without a blob where the table of blobs is not there."""
    if table_path(root / project.TABLES, "blobs").is_file():
        return make_context(root)
    return Context(root, project.release_path(root), load_profile(root), ())


def summarize_case(
    case: CaseFacts, sets: Mapping[str, str], breaches: Sequence[Breach] = ()
) -> dict[str, Any]:
    """Return the figures that a case is compared by; None for what is not known.

    Args:
        case: what is known of it.
        sets: role -> the mask set that has it.
        breaches: the contracts that it breaks.
    """
    expert, network = sets.get("expert"), sets.get("network")
    pairs = case.rows.get("mask_agreement", ())
    findings = [row for row in case.rows.get("findings", ()) if row["severity"] != "info"]
    return {
        "case_id": case.case_id,
        "subtype": case.find("clinical").get("subtype"),
        "pcr": case.find("outcomes").get("pcr"),
        "scanner": name_scanner(case.find("scanner_by_case")) or None,
        "fold": case.find("splits").get("fold"),
        "volumes": {row["mask"]: row["volume_cm3"] for row in case.rows.get("masks", ())},
        "dice": next(
            (p["dice"] for p in pairs if {p["mask_a"], p["mask_b"]} == {expert, network}), None
        ),
        "enhancement": case.find("kinetics", mask=expert).get("pe_median_percent"),
        "n_broken_critical": count_critical(breaches),
        "n_findings": len(findings),
        "is_complete": case.find("cases").get("is_complete"),
    }


def _render_index(site: Site, shared: Shared, cases: Sequence[CaseFacts]) -> File:
    return render_page(
        site,
        "cases/index.html",
        "cases.html.j2",
        cases=[
            summarize_case(case, site.profile.sets, shared.verdict.by_case.get(case.case_id, ()))
            for case in cases
        ],
        note=shared.verdict.note,
        masks=_list_names(site, (name for name in shared.colours if name in site.profile.masks)),
        legend=list_legend(shared.colours, site.profile.sets),
        show=format_cell,
    )


def _render_case(
    site: Site, shared: Shared, case: CaseFacts, montage: Montage, around: Mapping[str, str]
) -> File:
    breaches = shared.verdict.by_case.get(case.case_id, ())
    return renew_page(
        site,
        f"cases/{case.case_id}.html",
        "case.html.j2",
        shared.recipe,
        case=case,
        summary=summarize_case(case, site.profile.sets, breaches),
        breaches=breaches,
        lacking=list_lacking(case),
        note=shared.verdict.note,
        montage=montage,
        pull=_name_pull(site, case),
        around=around,
        colours=shared.colours,
        words=_list_names(site, shared.colours),
        legend=list_legend(shared.colours, site.profile.sets),
        curve=make_curve(case.rows.get("enhancement", ()), shared.colours),
        measures=list(_list_tables(case, shared)),
        studies=list(_list_studies(case)),
        doi=site.profile.doi,
        view=None if site.profile.is_phantom else make_viewer_url,
        show=format_cell,
    )


def _list_names(site: Site, masks: Iterable[str]) -> dict[str, str]:
    return {name: name_in_words(name, site.profile.sets) for name in masks}


def _name_pull(site: Site, case: CaseFacts) -> str:
    """Return the command that brings the blobs of a case; nothing where the release has none."""
    has_blobs = any(row["md5"] for row in case.rows.get("blobs", ()))
    return f"dvc pull {project.param(site.root, 'release')}" if has_blobs else ""


@dataclass(frozen=True, slots=True)
class Measures:
    """A table turned by its side: a measure per line, a mask or a pair of masks per column."""

    name: str
    title: str
    heads: Sequence[Sequence[str]]  # the masks of each column
    lines: Sequence[tuple[Any, Sequence[Any]]]  # column with meaning and unit, values


def _list_tables(case: CaseFacts, shared: Shared) -> Iterator[Measures]:
    for name, title, key in MEASURES:
        rows = case.rows.get(name, ())
        lines = list(list_measures(rows, shared.columns.get(name, {}), key))
        heads = [[row[k] for k in key if k.startswith("mask")] or ["value"] for row in rows]
        if lines:
            yield Measures(name, title, heads, lines)


def _list_studies(case: CaseFacts) -> Iterator[tuple[Mapping[str, Any], list[Mapping[str, Any]]]]:
    """Yield the first row of each study, and its series."""
    studies: dict[str, list[Mapping[str, Any]]] = {}
    for row in case.rows.get("acquisitions", ()):
        studies.setdefault(row["study_instance_uid"], []).append(row)
    yield from ((series[0], series) for series in studies.values())


def make_viewer_url(study: str, series: str = "") -> str:
    """Return where the Imaging Data Commons shows a study, or one series of it."""
    query = {"StudyInstanceUIDs": study} | ({"SeriesInstanceUIDs": series} if series else {})
    return f"{VIEWER}?{urlencode(query)}"


def format_cell(value: object) -> str:
    """Return a value for a cell; `none` for null."""
    return format_figure(value, NONE)
