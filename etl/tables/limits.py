"""Limits of params.yaml: from which size on a mask is noise, and a measure is given up."""

from __future__ import annotations

import numpy as np

from etl.measure.mask import Foreground, find_surface
from etl.model.errors import UserError
from etl.model.findings import Finding
from etl.tables.unit import Context

SURFACE = "limits.surface_voxels"
REGION = "limits.region_voxels"


def read_limit(context: Context, name: str) -> int:
    """Return a limit of params.yaml.

    Raises:
        UserError: it is no whole number above 0.
    """
    value = context.param(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        message = f"params.yaml: {name} is {value!r}. Give a whole number above 0."
        raise UserError(message)
    return value


def count_surface(foreground: Foreground) -> int:
    """Return how many voxels of a foreground have a face neighbour in the background."""
    return int(np.count_nonzero(find_surface(foreground.inside)))


def report_above_limit(table: str, mask_role: str, name: str, count: int, lost: str) -> Finding:
    """Return the finding that a measure was given up.

    Args:
        table: the table that has nulls.
        mask_role: `mask_ftv`, ...
        name: the limit.
        count: what is above it.
        lost: what is not measured.
    """
    return Finding(
        table=table,
        severity="warning",
        check=f"above_limit:{name}",
        observed=f"{count} {name.rpartition('.')[2].replace('_', ' ')}: {lost} not measured",
        expected=f"at most {name} of params.yaml",
        likely_cause="noise, as networks give before clean-up, or another image in a mask's place",
        fix=f"Clean the mask up and adopt it again; if it is right as it is, raise {name}.",
        path=mask_role,
    )
