"""Which images and masks features are recomputed of: `recompute.inputs` of params.yaml."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, StringConstraints, TypeAdapter, ValidationError

from etl.measure.ibsi_names import FAMILIES
from etl.model.errors import UserError
from etl.model.profile import Profile

INPUTS = "recompute.inputs"
BINS = "recompute.bins"
EVERY = "all"
# The only family that can be compared between scanners on their own voxels: it is in mm.
OF_NATIVE_VOXELS = ("morphology",)
MAX_BINS = 1024  # more than a mask has grey levels to tell apart; texture takes bins^2 numbers
_FORM = (
    "Give a list of {image_set: zscored, phase: 1, mask: stv_manual, families: all}; families may "
    f"be a list of {', '.join(FAMILIES)}."
)

Word = Annotated[str, StringConstraints(min_length=1)]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    image_set: Word
    phase: int
    mask: Word
    families: str | list[str] = EVERY


@dataclass(frozen=True, slots=True)
class Input:
    """An image and a mask whose features are recomputed, and which families of them."""

    image_set: str
    phase: int
    mask: str
    families: tuple[str, ...]

    @property
    def image_role(self) -> str:
        """What the image is among the blobs of its case."""
        return f"image_{self.image_set}_{self.phase}"

    @property
    def mask_role(self) -> str:
        """What the mask is among the blobs of its case."""
        return f"mask_{self.mask}"


def parse_inputs(listed: object) -> tuple[Input, ...]:
    """Return the inputs that params.yaml lists.

    Raises:
        UserError: they do not have the form, name a family that is none, or repeat one another.
    """
    try:
        entries = TypeAdapter(list[_Entry]).validate_python(listed)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "it"
        raise _refuse_entry(f"{where}: {first['msg']}") from error
    inputs = tuple(
        Input(e.image_set, e.phase, e.mask, _parse_families(e.families)) for e in entries
    )
    keys = [(i.image_set, i.phase, i.mask) for i in inputs]
    for key in keys:
        if keys.count(key) > 1:
            raise _refuse_entry(f"{key[0]} phase {key[1]} with {key[2]} is listed twice")
    return inputs


def _parse_families(named: str | Iterable[str]) -> tuple[str, ...]:
    families = [named] if isinstance(named, str) else list(named)
    if EVERY in families:
        return FAMILIES
    unknown = [family for family in families if family not in FAMILIES]
    if unknown or not families:
        raise _refuse_entry(f"{', '.join(unknown) or 'none'} is no family")
    return tuple(family for family in FAMILIES if family in families)


def check_inputs(inputs: tuple[Input, ...], profile: Profile) -> None:
    """Hold the inputs against what the release may have.

    Raises:
        UserError: an image set or a phase that the profile does not know, more than shape on the
            scanner's own voxels, or an image and a mask on different grids.
    """
    for i in inputs:
        image_set = profile.image_sets.get(i.image_set)
        if image_set is None:
            raise _refuse_entry(
                f"{i.image_set} is no image set; there are {_list(profile.image_sets)}"
            )
        if i.phase not in profile.phases:
            raise _refuse_entry(f"{i.phase} is no phase; there are {_list(profile.phases)}")
        if image_set.grid == "native" and i.families != OF_NATIVE_VOXELS:
            message = (
                f"{i.image_set} lies on the scanner's own voxels, whose size differs between "
                "scanners: only the shape can be compared. Say families: [morphology], or take an "
                "image set on the 1 mm grid"
            )
            raise _refuse_entry(message)
        declared = profile.masks.get(i.mask)
        if declared and declared.grid != image_set.grid and i.families != OF_NATIVE_VOXELS:
            message = (
                f"{i.mask} lies on the {declared.grid} grid, {i.image_set} images on the "
                f"{image_set.grid} grid: their voxels are not the same. Take a mask on that grid"
            )
            raise _refuse_entry(message)


def check_bins(bins: object) -> int:
    """Return the number of grey levels.

    Raises:
        UserError: it is no whole number from 2 to 1024.
    """
    if not isinstance(bins, int) or isinstance(bins, bool) or not 2 <= bins <= MAX_BINS:  # noqa: PLR2004
        message = f"params.yaml: {BINS} is {bins!r}. Give a whole number from 2 to {MAX_BINS}."
        raise UserError(message)
    return bins


def list_roles_of(params: Mapping[str, Any]) -> frozenset[str]:
    """Return the roles of the blobs that the inputs name."""
    inputs = parse_inputs(params[INPUTS])
    return frozenset(role for i in inputs for role in (i.image_role, i.mask_role))


def _list(values: Iterable[object]) -> str:
    return ", ".join(map(str, values))


def _refuse_entry(reason: str) -> UserError:
    return UserError(f"params.yaml: {INPUTS}: {reason}. {_FORM}")
