"""The foreground of a user's own mask, by a rule where its values do not say it.

A declared mask has two values. Networks write probabilities, logits and several labels: which of
them are tumour, only the user knows. The rule of a set is kept in params.yaml.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from etl.measure.arrays import Array
from etl.measure.mask import (
    apply_rule,
    crop,
    find_foreground,
    list_stored_values,
    scale_values,
)
from etl.model.errors import BadInputError, UserError
from etl.model.profile import Profile
from etl.model.project import PARAMS, params
from etl.model.release import Name
from etl.read.nifti import Volume
from etl.tables.unit import Blob, Context
from etl.tables.volumes import read_blob

MASK_SETS = "mask_sets"  # in params.yaml: set -> {threshold: number} or {labels: [numbers]}


def read_rule(root: Path, name: Name, profile: Profile) -> str:
    """Return the rule of a file's mask set as text, such as `threshold 0.5` or `labels 1 4`.

    Returns:
        An empty text for what is no mask of the user's own, or has no rule.

    Raises:
        UserError: params.yaml holds something else there.
    """
    rules = params(root).get(MASK_SETS) or {}
    if name.mask is None or name.mask in profile.masks or name.mask not in rules:
        return ""
    rule = rules[name.mask]
    try:
        ((kind, value),) = rule.items()
        numbers = {"threshold": [value], "labels": value}[kind]
        return f"{kind} {' '.join(f'{float(number):.12g}' for number in numbers)}"
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        message = (
            f"{root / PARAMS}: {MASK_SETS}.{name.mask} is {rule}; expected {{threshold: 0.5}} or "
            "{labels: [1, 4]}. Correct it."
        )
        raise UserError(message) from error


def select_own_foreground(volume: Volume, blob: Blob) -> Array:
    """Return the foreground of a mask of the user's own, bool, shape (x, y, z).

    Raises:
        BadInputError: it holds several values and its set has no rule.
    """
    if blob.rule:
        kind, *numbers = blob.rule.split()
        scaling = volume.header.scaling
        return apply_rule(volume.voxels, *scaling, kind, [float(n) for n in numbers])
    bits, values = select_nonzero(volume)
    if values is not None and len({*values} - {0}) <= 1:
        return bits
    raise BadInputError(
        "own_mask_needs_rule",
        observed="more than 16 values" if values is None else f"scaled values {values}",
        expected="0 and one other value, or a rule that says which values are foreground",
        likely_cause="probabilities, logits or several labels in place of a mask",
        fix=f"Run `ispy1 adopt --mask-set {blob.name.mask} PATH` with --threshold 0.5, or with "
        "--labels 1,4; until then nothing is measured in it.",
    )


def select_nonzero(volume: Volume) -> tuple[Array, list[float] | None]:
    """Return where a mask is not 0, and its scaled values: None past 16."""
    slope, inter = volume.header.scaling
    bits, _ = find_foreground(volume.voxels, slope, inter)
    stored = list_stored_values(volume.voxels, crop(bits), inter)
    return bits, scale_values(stored, volume.header.dtype, slope, inter)


def read_two_values(blob: Blob, context: Context) -> Volume:
    """Read a blob; of a mask of the user's own, 1 for foreground and 0 elsewhere.

    Raises:
        BadInputError: as read_volume() and own_bits().
    """
    volume = read_blob(blob, context)
    if blob.name.mask is None or blob.name.mask in context.profile.masks:
        return volume
    header = replace(volume.header, scl_slope=None, scl_inter=None)
    return replace(volume, header=header, voxels=select_own_foreground(volume, blob).view("u1"))
