"""reports/card.png: three planes of the median case with its masks outlined.

A picture is always written. It carries a hash of what it is made of, so that a clone without blobs
keeps the one that it pulled.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from etl.ask.card.choose import Case, choose_case, list_cases
from etl.ask.card.draw import Sheet, draw_png
from etl.ask.card.montage import describe_sheet, make_sheet
from etl.ask.card.palette import number_masks
from etl.build.manifest import hash_file
from etl.build.recipe import make_module_recipe
from etl.model import project
from etl.model.profile import load_profile
from etl.model.release import list_mask_sets, parse
from etl.model.store import read_table, table_path, write_atomically
from etl.tables.own_masks import read_rule
from etl.tables.unit import Blob, Context

PICTURE = "reports/card.png"
MADE_OF, TITLE, ALT = "ispy1 made of", "Title", "Description"  # texts inside the file


@dataclass(frozen=True, slots=True)
class Facts:
    """What a picture says of itself: its title, what it shows in words, and its pixels."""

    title: str
    alt: str
    size: tuple[int, int]
    made_of: str


def write_picture(root: Path) -> str:
    """Write reports/card.png of the project at `root`, unless it is there; return its title.

    Raises:
        UserError: no table of blobs or of masks, or the disk refuses.
    """
    context = make_context(root)
    table = table_path(root / project.TABLES, "masks")
    recipe = make_module_recipe(root, __name__, context.profile)
    made_of = hash_inputs(
        recipe, [(b.path, b.md5, b.rule) for b in context.blobs], hash_file(table)
    )
    facts = read_facts(root / PICTURE)
    if facts is not None and facts.made_of == made_of:
        return facts.title
    case = choose_case(list_shown(context).values())
    sheet = make_card_sheet(context, case)
    content = draw_png(sheet, make_texts(sheet, made_of))
    write_atomically(root / PICTURE, lambda path: path.write_bytes(content))
    return sheet.title


def make_context(root: Path) -> Context:
    """Return the release with the images and masks that the tables are made of.

    A clone may have no index.
    """
    profile = load_profile(root)
    rows = read_table(table_path(root / project.TABLES, "blobs")).to_pylist()
    blobs = []
    for row in rows:
        if row["case_id"] is not None and row["md5"] is not None:
            name = parse(row["path"], profile)
            rule = read_rule(root, name, profile)
            blobs.append(Blob(name, row["md5"], row["size_bytes"], rule))
    names = [blob.name for blob in blobs]
    sets = list_mask_sets(names, profile)
    return Context(root, project.release_path(root), profile, tuple(blobs), mask_sets=sets)


def list_shown(context: Context) -> dict[str, Case]:
    """Return what there is to show by case. The expert's mask comes last: it is drawn on top."""
    table = table_path(context.root / project.TABLES, "masks")
    rows = read_table(table).to_pylist() if table.is_file() else []
    images = [blob for blob in context.blobs if blob.name.image_set is not None]
    sets = context.profile.sets
    order = sorted(context.mask_sets, key=lambda name: (name == sets.get("expert"), name))
    return list_cases(images, rows, order, sets)


def make_card_sheet(context: Context, case: Case | None) -> Sheet:
    """Return the planes of the median case, or what is missing."""
    if case is None:
        mark = "PHANTOM " if context.profile.is_phantom else ""
        return Sheet(f"{mark}no picture", ["The release holds no image and no readable mask."])
    colours = number_masks(context.profile, context.mask_sets)
    lead = "median case by " if case.reference is not None else ""
    return make_sheet(take_case(context, case.case_id), case, colours, lead)


def take_case(context: Context, case_id: str) -> Context:
    """Return the context of one case."""
    return replace(context, blobs=tuple(b for b in context.blobs if b.name.case_id == case_id))


def hash_inputs(*facts: object) -> str:
    """Return a hash of all that a picture follows from."""
    return hashlib.sha256(repr(facts).encode()).hexdigest()


def make_texts(sheet: Sheet, made_of: str) -> dict[str, str]:
    """Return the texts inside a picture; one of blobs that were not there is drawn again."""
    made_of = made_of if sheet.is_lasting else ""
    return {MADE_OF: made_of, TITLE: sheet.title, ALT: describe_sheet(sheet)}


def read_facts(source: Path | BinaryIO) -> Facts | None:
    """Return what a picture of ours says of itself; None for what is none."""
    try:
        with Image.open(source) as image:
            texts, size = image.info, image.size
        return Facts(str(texts[TITLE]), str(texts[ALT]), size, str(texts[MADE_OF]))
    except (OSError, SyntaxError, ValueError, KeyError):
        return None
