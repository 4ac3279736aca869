"""A profile: what a release is expected to be. Names, ids, and numbers with their sources."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from etl.model.errors import Severity, UserError
from etl.model.project import param, read_yaml

Grid = Literal["native", "1mm"]
# What a set is for: images as the scanner's grid has them, images on one scale and the 1 mm grid.
ImageRole = Literal["native", "normalized"]
# The mask that the published features are from, another rater's, the functional tumour volume.
MaskRole = Literal["expert", "network", "functional"]
ROLES: tuple[str, ...] = (*get_args(ImageRole), *get_args(MaskRole))
BASE = "base"  # the file beside the profiles that states what they share


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ImageSet(_Frozen):
    """One form of the DCE images: folder, file name ending and grid."""

    folder: str
    suffix: str
    grid: Grid
    role: ImageRole | None = None


class MaskSet(_Frozen):
    """One declared mask set: its grid and the stored values it may hold."""

    grid: Grid
    stored_values: tuple[float, ...]
    may_be_empty: Severity  # severity of an empty mask
    role: MaskRole | None = None


class Threshold(_Frozen):
    """A number that a contract uses, with where it comes from."""

    value: float | str | tuple[float, ...] | tuple[str, ...]
    severity: Severity
    source: str


class IdRange(_Frozen):
    """Ids `first`, `first + 1`, ...; how many is a value of params.yaml."""

    first: int
    count_param: str


class Profile(_Frozen):
    """Everything that belongs to one data set and not to the code."""

    name: str = ""
    dataset: str
    title: str
    is_phantom: bool
    doi: str | None = None
    licence: str
    attribution: str
    citations: tuple[str, ...]
    id_prefix: str
    id_digits: int
    phases: tuple[int, ...]
    image_sets: dict[str, ImageSet]
    masks: dict[str, MaskSet]
    mask_folder_prefix: str
    files: dict[str, tuple[str, ...]]  # artefact -> names it may have, the canonical one first
    expected_ids: tuple[int, ...] | IdRange
    idc_collection: str | None = None  # in the index of the Imaging Data Commons
    thresholds: dict[str, Threshold] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check_roles(self) -> Self:
        roles = [role for role, _ in self._list_roles()]
        if len(set(roles)) < len(roles):
            message = f"two sets have one role, of {', '.join(sorted(roles))}"
            raise ValueError(message)
        return self

    @property
    def sets(self) -> dict[str, str]:
        """Role -> name of the set of images or masks that has it; a role may be nobody's."""
        return dict(self._list_roles())

    def _list_roles(self) -> list[tuple[str, str]]:
        images = [(images.role, name) for name, images in self.image_sets.items() if images.role]
        return [*images, *((mask.role, name) for name, mask in self.masks.items() if mask.role)]

    def case_id(self, spelling: object) -> str | None:
        """Return the canonical id of any spelling (`1002`, `ISPY1-1002`, `ISPY1_1002`), or None."""
        text = str(spelling).strip()
        if re.fullmatch(r"[0-9]+\.0+", text):  # a spreadsheet's integer, read as a float
            text = text.partition(".")[0]
        stem = re.escape(self.id_prefix.rstrip("_-"))
        match = re.fullmatch(rf"(?:{stem}[_-])?([0-9]{{{self.id_digits}}})", text, re.IGNORECASE)
        return f"{self.id_prefix}{match[1]}" if match else None

    def expects(self, number: int) -> bool:
        """Return whether a case of this number may be in the release, by the profile alone."""
        ids = self.expected_ids
        return number >= ids.first if isinstance(ids, IdRange) else number in ids

    def naming(self) -> dict[str, Any]:
        """Return the part that decides what a file is: it belongs to every table's recipe.

        The stage `index` of dvc.yaml names the same keys, so that it runs where they change.
        """
        no_part = {"title", "doi", "citations", "expected_ids", "idc_collection", "thresholds"}
        return self.model_dump(mode="json", exclude=no_part)


def profile_path(root: Path, name: str) -> Path:
    """Return the file of the profile `name`."""
    return root / "expectations" / "profiles" / f"{name}.yaml"


def load_profile(root: Path, name: str | None = None) -> Profile:
    """Return the profile `name` (default: the one that params.yaml names).

    Raises:
        UserError: the file is missing or does not have the form of a profile.
    """
    name = name or str(param(root, "profile"))
    path, base = profile_path(root, name), profile_path(root, BASE)
    content = _merge(read_yaml(base) if base.is_file() else {}, read_yaml(path))
    try:
        return Profile.model_validate({**content, "name": name})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        message = f"{path}: {where}: {first['msg']}. See the other profiles for the form."
        raise UserError(message) from error


def _merge(shared: Any, stated: Any) -> Any:  # noqa: ANN401  as YAML has it
    """Return what a profile states over what all share, mapping by mapping."""
    if not (isinstance(shared, dict) and isinstance(stated, dict)):
        return stated
    return shared | {name: _merge(shared.get(name), value) for name, value in stated.items()}


def list_expected_ids(root: Path, profile: Profile) -> tuple[str, ...]:
    """Return the ids that the release should hold, never taken from the release itself."""
    ids = profile.expected_ids
    if isinstance(ids, IdRange):
        ids = tuple(range(ids.first, ids.first + int(param(root, ids.count_param))))
    return tuple(f"{profile.id_prefix}{number:0{profile.id_digits}d}" for number in ids)
