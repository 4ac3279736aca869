"""The volumes of one case, for the tables whose rows come from several blobs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from etl.model.errors import BadInputError
from etl.model.findings import Finding, make_finding
from etl.model.release import name_role
from etl.read.nifti import Volume
from etl.read.volumes import VOLUMES
from etl.tables.unit import Blob, Context


def read_blob(blob: Blob, context: Context) -> Volume:
    """Return an image or a mask as it is stored; read once for all tables of its case.

    Raises:
        BadInputError: as Context.file() and read_volume().
    """
    return VOLUMES.read(context.file(blob))


def open_volumes(
    table: str,
    unit: tuple[Blob, ...],
    context: Context,
    roles: Iterable[str],
    read: Callable[[Blob, Context], Volume] = read_blob,
) -> tuple[dict[str, Volume], list[Finding]]:
    """Read the blobs of some roles; those that the unit lacks are not in the result.

    A blob that cannot be read is a critical finding of its own table, images or masks. Here it is
    a warning: it says which derived rows lack it.

    Args:
        table: the table that asks.
        unit: the blobs of one case.
        context: where they lie.
        roles: `image_n3_0`, `mask_ftv`, ...
        read: how; for masks that may be the user's own `etl.tables.own_masks.read_two_values`.

    Returns:
        Role -> volume, and a finding for each blob that cannot be read.
    """
    blobs = {name_role(blob.name): blob for blob in unit}
    volumes: dict[str, Volume] = {}
    findings: list[Finding] = []
    for name in roles:
        if name not in blobs:
            continue
        try:
            volumes[name] = read(blobs[name], context)
        except BadInputError as error:
            finding = make_finding(table, error, path=name)
            findings.append(replace(finding, severity="warning"))
    return volumes, findings
