"""The cases of an export: the phases of one image set, one mask, the fold; and who is left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np

import etl
from etl.exchange.target import Options
from etl.exchange.verdict import find_unsound
from etl.measure.grids import SAME_GRID_MM, Grid, is_same_grid, measure_spacing
from etl.model.errors import UserError
from etl.model.profile import Profile, load_profile
from etl.versions.dvc import find_changed
from etl.warehouse.connect import fetch_rows
from etl.warehouse.views import read_sql

QUERIES = read_sql(Path(__file__).parent / "sql")


@dataclass(frozen=True, slots=True)
class Image:
    """A phase of a case."""

    path: str
    md5: str
    grid: Grid
    n_nonfinite: int


@dataclass(frozen=True, slots=True)
class Mask(Image):
    """A mask. `is_binary`: it holds 0 and 1 as they are to be read; `is_usable`: it has voxels."""

    rule: str
    is_usable: bool
    is_binary: bool


@dataclass(frozen=True, slots=True)
class Case:
    """What an export takes of a case."""

    case_id: str
    fold: int
    images: Mapping[int, Image]
    mask: Mask


@dataclass(frozen=True, slots=True)
class Choice:
    """The cases that an export takes, and why it leaves others out, by case."""

    image_set: str
    mask_set: str
    phases: tuple[int, ...]
    cases: tuple[Case, ...]
    left_out: Mapping[str, str]

    @property
    def case_ids(self) -> list[str]:
        """The ids of the cases."""
        return [case.case_id for case in self.cases]

    @property
    def ending(self) -> str:
        """The one ending of all files: `.nii` where no image is compressed."""
        images = [image.path for case in self.cases for image in case.images.values()]
        return ".nii.gz" if any(path.endswith(".gz") for path in images) else ".nii"


def choose_cases(root: Path, options: Options, release: Path) -> Choice:
    """Return the cases that have all phases and the mask, on one grid, and a fold.

    Args:
        root: the project.
        options: of them the image set (default: the one on the mask's grid), the mask set
            (default: the expert's), and whether unsound cases are left out.
        release: the folder of the release.

    Raises:
        UserError: no such set, the release has changed since it was built, or no case is left.
    """
    profile = load_profile(root)
    unsound = find_unsound(root) if options.sound else {}
    with etl.connect(root) as connection:
        mask_set = options.masks or find_set(profile, "expert")
        image_set = options.images or _find_image_set(profile, mask_set)
        images, masks = _read_images(connection, image_set), read_masks(connection, mask_set)
        folds = read_folds(connection)
    cases, left_out = list[Case](), dict[str, str]()
    for case_id, fold in folds.items():
        case_images, mask = images.get(case_id, {}), masks.get(case_id)
        lacks = list_lacks((image_set, mask_set), profile.phases, case_images, mask)
        reason = next(lacks, unsound.get(case_id))
        if not reason and mask and fold is not None:
            cases.append(Case(case_id, fold, case_images, mask))
        else:
            left_out[case_id] = reason or "no fold in splits.csv"
    choice = Choice(image_set, mask_set, profile.phases, tuple(cases), left_out)
    _refuse_none(choice)
    blobs = [blob for case in cases for blob in (*case.images.values(), case.mask)]
    refuse_changed(root, release, {blob.path: blob.md5 for blob in blobs})
    return choice


def read_folds(connection: duckdb.DuckDBPyConnection) -> dict[str, int | None]:
    """Return the fold of every case of the release, None where it has none, by case."""
    return dict(connection.execute(QUERIES["folds"]).fetchall())


def find_set(profile: Profile, role: str) -> str:
    """Return the set that has a role.

    Raises:
        UserError: none has it.
    """
    if role not in profile.sets:
        message = f"No set of {profile.dataset} is called {role}. Name --images and --masks."
        raise UserError(message)
    return profile.sets[role]


def _find_image_set(profile: Profile, mask_set: str) -> str:
    """Return the images on a mask set's grid: a user's own masks lie on the normalized ones."""
    if mask_set not in profile.masks:
        return find_set(profile, "normalized")
    grid = profile.masks[mask_set].grid
    return next(name for name, images in profile.image_sets.items() if images.grid == grid)


def _read_images(
    connection: duckdb.DuckDBPyConnection, image_set: str
) -> dict[str, dict[int, Image]]:
    _refuse_unknown(connection, "images", "image_set", image_set)
    images = dict[str, dict[int, Image]]()
    for row in fetch_rows(connection.execute(QUERIES["images"], [image_set])):
        image = Image(row["path"], row["blob_md5"], _make_grid(row), row["n_nonfinite"])
        images.setdefault(row["case_id"], {})[row["phase"]] = image
    return images


def read_masks(connection: duckdb.DuckDBPyConnection, mask_set: str) -> dict[str, Mask]:
    """Return the masks of a set by case.

    Raises:
        UserError: no mask of this set.
    """
    _refuse_unknown(connection, "masks", "mask", mask_set)
    return {
        row["case_id"]: Mask(
            row["path"], row["blob_md5"], _make_grid(row), row["n_nonfinite"], row["rule"],
            row["is_usable"], row["is_binary"],
        )
        for row in fetch_rows(connection.execute(QUERIES["masks"], [mask_set]))
    }  # fmt: skip


def _make_grid(row: Mapping[str, object]) -> Grid:
    size = tuple(int(str(row[f"size_{axis}"])) for axis in "xyz")
    return size, np.array(row["affine"], dtype=np.float64).reshape(4, 4)


def _refuse_unknown(
    connection: duckdb.DuckDBPyConnection, table: str, column: str, name: str
) -> None:
    rows = connection.execute(f"select distinct {column} from {table} order by 1").fetchall()  # noqa: S608
    names = [str(row[0]) for row in rows]
    if name not in names:
        message = f"--{table} {name}: the release has no such set; expected {', '.join(names)}."
        raise UserError(message)


def list_lacks(
    sets: tuple[str, str],
    phases: Sequence[int],
    images: Mapping[int, Image],
    mask: Mask | None,
) -> Iterator[str]:
    """Yield why a case cannot be taken. `sets`: of images and of masks."""
    image_set, mask_set = sets
    for phase in phases:
        if phase not in images:
            yield f"no readable image {image_set} of phase {phase}"
        elif images[phase].n_nonfinite:
            yield f"image {image_set} of phase {phase} holds voxels that are not finite"
    if mask is None:
        yield f"no readable mask {mask_set}"
    if mask is None or not images.keys() >= {*phases}:
        return
    if not mask.is_usable:
        yield f"mask {mask_set} holds several values, and no rule says which are foreground"
    for phase in phases:
        difference = describe_difference(images[phases[0]].grid, images[phase].grid)
        if difference:
            yield f"phases {phases[0]} and {phase} differ in {difference}"
    difference = describe_difference(images[phases[0]].grid, mask.grid)
    if difference:
        yield f"images {image_set} and mask {mask_set} differ in {difference}"


def describe_difference(first: Grid, second: Grid) -> str | None:
    """Return in what two grids differ: size, spacing, origin or direction; None: in nothing.

    Spacings are compared as nnU-Net does, corners by the project's own measure of one grid.
    """
    (size, affine), (other_size, other) = first, second
    spacings = measure_spacing(affine), measure_spacing(other)
    if size != other_size:
        return f"size: {_show(size)} and {_show(other_size)} voxels"
    if not np.allclose(*spacings):
        return f"spacing: {_show(spacings[0])} and {_show(spacings[1])} mm"
    if is_same_grid(first, second):
        return None
    origins = affine[:3, 3], other[:3, 3]
    if np.abs(origins[0] - origins[1]).max() > SAME_GRID_MM:
        return f"origin: {_show(origins[0])} and {_show(origins[1])} mm"
    return "direction"


def _show(numbers: object) -> str:
    return " x ".join(f"{number:.6g}" for number in np.asarray(numbers).tolist())


def _refuse_none(choice: Choice) -> None:
    if not choice.cases:
        case_id, reason = next(iter(choice.left_out.items()), ("the release", "it has no case"))
        todo = "Choose other --images or --masks, or run `ispy1 repro`"
        message = f"No case can be exported. {case_id}: {reason}. {todo}."
        raise UserError(message)


def refuse_changed(root: Path, release: Path, md5s: Mapping[str, str]) -> None:
    """Refuse a release whose files are not those that the tables were built from.

    Raises:
        UserError: one is gone or another one.
    """
    changed = find_changed(root, release, md5s)
    if changed:
        message = f"{release / changed[0]}: not the file that was built from. Run `ispy1 repro`."
        raise UserError(message)
