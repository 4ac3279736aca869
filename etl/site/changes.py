"""The page of changes: what lies here against the latest tag, or the two latest tags.

Tags are no dependency of the stage: the page says which commits it compares. Nothing that is
missing or damaged in an old version fails a build, and a build fetches nothing.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path

import duckdb

from etl.ask.card.choose import list_cases
from etl.ask.card.picture import hash_inputs, read_facts
from etl.ask.diff import Difference, compare
from etl.ask.diff.records import Row
from etl.ask.diff.render import (
    UNKNOWN,
    Section,
    list_sections,
    show_unknown_columns,
    write_headline,
)
from etl.ask.diff.views import WORKING_TREE
from etl.build.recipe import make_module_recipe
from etl.gate.judged import hash_rules
from etl.model import project
from etl.model.digests import compute_md5
from etl.model.errors import UserError
from etl.model.release import parse
from etl.site.gate import make_case_finder
from etl.site.overlay import Overlay, lay_over
from etl.site.page import File, Site, format_number, render_page
from etl.tables.unit import Blob
from etl.versions import dvc, git, revision_tables
from etl.warehouse.connect import connect, fetch_rows

FOLDER = "changes"
KEPT = f"{FOLDER}/kept.json"
MAX_PICTURES = 12
MAX_ROWS = 50  # of a section
NO_TAG = (
    "No tag names a version with tables yet. Commit what `ispy1 repro` wrote, then `git tag v1`: "
    "from then on this page says what changed since."
)
_TAGS_READ = 20  # the latest; one without tables is passed over


@dataclass(frozen=True, slots=True)
class Pair:
    """The two versions of the page. `new`: None for the working tree.

    `old_files`, `new_files`: the tables of each, and their files of cases, to MD5.
    """

    old: git.Revision
    new: git.Revision | None
    old_files: Mapping[str, str] = field(repr=False)
    new_files: Mapping[str, str] = field(repr=False)

    @property
    def names(self) -> tuple[str, str]:
        """What the two are called."""
        return self.old.name, self.new.name if self.new else WORKING_TREE

    @property
    def command(self) -> str:
        """The command that shows all of it."""
        return f"ispy1 diff {self.old.name}{f' {self.new.name}' if self.new else ''}"


@dataclass(frozen=True, slots=True)
class Report:
    """What the page says of two versions: words, so that they can be kept.

    `sections`: title, columns, at most MAX_ROWS rows, and how many there are; masks first, ranked
    as `ispy1 diff` does. `pictures`: what each is of, 01.png first. `is_lasting`: no blob was
    missing.
    """

    made_of: str
    headline: str
    sections: Sequence[tuple[str, Sequence[str], Sequence[Sequence[str]], int]] = ()
    pictures: Sequence[Mapping[str, str]] = ()
    is_lasting: bool = True


def make_pages(site: Site) -> Iterator[File]:
    """Yield the page of changes, its pictures, and what a later build need not find again."""
    pair, report, problem = None, None, ""
    pictures: dict[str, bytes] = {}
    try:
        pair = find_pair(site.root)
        report, pictures = read_report(site, pair) if pair else (None, {})
    except (UserError, OSError, ValueError, KeyError, duckdb.Error) as error:
        problem = re.sub(rf"{re.escape(str(site.root))}(/|: )", "", str(error)).partition("\n")[0]
    yield from (File(f"{FOLDER}/{name}", content) for name, content in pictures.items())
    if report:
        yield File(KEPT, json.dumps(asdict(report), indent=1).encode())
    yield render_page(
        site, "changes.html", "changes.html.j2",
        pair=pair, report=report, problem=problem or NO_TAG,
        pictures=[(name, read_facts(io.BytesIO(data))) for name, data in pictures.items()],
        case_of=make_case_finder(site), max_pictures=MAX_PICTURES, by_column=UNKNOWN,
    )  # fmt: skip


def find_pair(root: Path) -> Pair | None:
    """Return the latest tag with tables, and what lies here; the two latest where that is the same.

    None without such a tag.

    Raises:
        UserError: git is not here, or refuses.
    """
    tags = [
        tag
        for tag in reversed(git.list_tags(root)[-_TAGS_READ:])
        if git.read_at(root, tag, git.LOCK) is not None
    ]
    if not tags:
        return None
    latest, *older = tags
    files, files_here = _list_files(root, latest), _list_files(root, None)
    if files != files_here or not older:
        return Pair(latest, None, files, files_here)
    return Pair(older[0], latest, _list_files(root, older[0]), files)


def read_report(site: Site, pair: Pair) -> tuple[Report, dict[str, bytes]]:
    """Return what changed, and the pictures: as the last build left them, where they still hold.

    Raises:
        UserError: a version cannot be read here.
    """
    old, new = pair.old_files, pair.new_files
    recipe = make_module_recipe(site.root, __name__, site.profile)
    rules = {} if pair.new else hash_rules(site.root)
    made_of = hash_inputs(recipe, pair, old, new, rules)
    if old == new:
        words = f"{' and '.join(pair.names)} are the same: every table is the same file."
        return Report(made_of, words), {}
    kept = _read_kept(site.folder, made_of)
    if kept and kept[0].is_lasting:
        return kept
    _refuse_missing(site.root, pair, [*old.values(), *(new.values() if pair.new else ())])
    report, pictures = _make_report(site, pair, made_of)
    return kept if kept and len(kept[1]) > len(pictures) else (report, pictures)


def _list_files(root: Path, version: git.Revision | None) -> dict[str, str]:
    """Return the tables of a version, and their files of cases, to MD5."""
    if version is None:
        folders = (root / project.TABLES, root / project.GATE)
        paths = {path.stem: path for folder in folders for path in folder.glob("*.parquet")}
        for path in folders[0].glob("*/case_id=*/*.parquet"):
            paths[f"{path.stem} {path.parent.name.removeprefix('case_id=')}"] = path
        return {name: compute_md5(path) for name, path in sorted(paths.items())}
    tables, parts = revision_tables.list_md5s_at(root, version)
    of_cases = {f"{name} {case}": md5 for name, of in parts.items() for case, md5 in of.items()}
    return dict(sorted((tables | of_cases).items()))


def _refuse_missing(root: Path, pair: Pair, md5s: Sequence[str]) -> None:
    n_missing = len({*md5s} - dvc.list_cached(root, md5s))
    if n_missing:
        message = (
            f"{n_missing} files of {' or '.join(pair.names)} are not in the DVC cache, and a build "
            f"fetches nothing: `{pair.command}` does, then `ispy1 site` shows here what changed."
        )
        raise UserError(message)


def _read_kept(folder: Path, made_of: str) -> tuple[Report, dict[str, bytes]] | None:
    """Return what an earlier build found out of the same; None where it lacks something."""
    try:
        report = Report(**json.loads((folder / KEPT).read_text(encoding="utf-8")))
        names = [_name_picture(at) for at in range(len(report.pictures))]
        pictures = {name: (folder / FOLDER / name).read_bytes() for name in names}
    except (OSError, ValueError, TypeError):
        return None
    is_whole = all(read_facts(io.BytesIO(content)) for content in pictures.values())
    return (report, pictures) if is_whole and report.made_of == made_of else None


def _name_picture(at: int) -> str:
    return f"{at + 1:02}.png"


def _make_report(site: Site, pair: Pair, made_of: str) -> tuple[Report, dict[str, bytes]]:
    difference = compare(site.root, pair.old.name, pair.new.name if pair.new else None, dice=False)
    overlays = list(_lay_over_masks(site, pair, difference, made_of))
    drawn = [(mask, overlay.picture) for mask, overlay in overlays if overlay.picture]
    report = Report(
        made_of,
        write_headline(difference),
        [_shorten(section) for section in _list_sections(difference)],
        [_describe_picture(mask) for mask, _ in drawn],
        is_lasting=all(overlay.is_lasting for _, overlay in overlays),
    )
    return report, {_name_picture(at): picture for at, (_, picture) in enumerate(drawn)}


def _list_sections(difference: Difference) -> Iterator[Section]:
    """Yield the sections of `ispy1 diff`; what is known or not by column, not by cell."""
    for section in list_sections(difference):
        yield show_unknown_columns(difference) if section.title == UNKNOWN else section


def _lay_over_masks(
    site: Site, pair: Pair, difference: Difference, made_of: str
) -> Iterator[tuple[Row, Overlay]]:
    """Yield the most unusual of the masks that changed, each with its Dice from now on."""
    changed = [mask for mask in difference.masks if mask["change"] == "changed"]
    images = _list_images(site, pair, {mask["case_id"] for mask in changed[:MAX_PICTURES]})
    for mask in changed:
        mask["dice_note"] = "not measured here"
    for mask in changed[:MAX_PICTURES]:
        overlay = lay_over(site.root, mask, images.get(mask["case_id"]), pair.names, made_of)
        mask |= {"dice": overlay.dice, "dice_note": overlay.note}
        yield mask, overlay


def _list_images(site: Site, pair: Pair, cases: Collection[str]) -> dict[str, Blob | None]:
    """Return case -> the image that its masks are drawn over: that of the new version."""
    query = (
        "select path, md5, size_bytes from blobs where list_contains($cases, case_id) "
        "and md5 is not null and artefact like 'image%'"
    )
    opened = connect(site.root, rev=pair.new.name) if pair.new else nullcontext(site.connection)
    with opened as connection:
        try:
            rows = fetch_rows(connection.execute(query, {"cases": sorted(cases)}))
        except duckdb.Error:  # a version without a table of blobs
            return {}
    blobs = [Blob(parse(r["path"], site.profile), r["md5"], r["size_bytes"]) for r in rows]
    shown = list_cases(blobs, (), (), site.profile.sets)
    return {case_id: case.image for case_id, case in shown.items()}


def _shorten(section: Section) -> tuple[str, Sequence[str], Sequence[Sequence[str]], int]:
    """Return a section with the rows that are shown, without columns that say nothing in them."""
    rows = section.rows[:MAX_ROWS]
    used = [at for at in range(len(section.columns)) if any(row[at] for row in rows)]
    columns = [section.columns[at] for at in used]
    return section.title, columns, [[row[at] for at in used] for row in rows], len(section.rows)


def _describe_picture(mask: Row) -> dict[str, str]:
    dice = format_number(mask["dice"], ".4f")
    return {
        "case_id": mask["case_id"],
        "mask": mask["mask"],
        "old_cm3": format_number(mask["old_cm3"], ".3f"),
        "new_cm3": format_number(mask["new_cm3"], ".3f"),
        "percent": format_number(mask["difference_percent"], "+.1f"),
        "dice": f"Dice {dice}" if mask["dice_note"] is None else f"no Dice: {mask['dice_note']}",
        "old_md5": mask["old_md5"],
        "new_md5": mask["new_md5"],
    }
