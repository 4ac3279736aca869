"""The viewer: any image of a case with its masks over it, drawn by NiiVue in the browser.

A blob is sent by the path that the table `blobs` has for it, and no other file is.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from etl.ask.card.palette import COLOURS, number_masks
from etl.model import project
from etl.model.profile import Profile
from etl.model.release import MARKS
from etl.model.store import read_table, table_path
from etl.read.source import RemoteFile
from etl.site.page import render_page
from etl.site.serve.files import find_file, open_site, send_absence, send_page
from etl.site.serve.vendor import NIIVUE, VENDOR
from etl.versions.dvc import find_cache
from etl.warehouse.connect import fetch_rows
from etl.warehouse.views import read_sql

PHASES = {0: "before contrast", 1: "first after contrast", 2: "second after contrast"}
_CASES = "select distinct case_id from images order by case_id"
_SETS = "select distinct mask from masks"
_QUERIES = read_sql(Path(__file__).parent / "sql")


def send_blob(request: Request) -> Response:
    """Send an image or a mask of the release, as it is."""
    root = request.app.state.root
    row = _find_blob(root, request.path_params["path"])
    release = project.release_path(root)
    if row is None:
        raise HTTPException(404)
    kind = "application/gzip" if row["path"].endswith(".gz") else "application/octet-stream"
    if not isinstance(release, Path):
        source = RemoteFile(release, row["path"], row["md5"], row["size_bytes"])
        return Response(source.read_bytes(), media_type=kind)
    file = find_file(release, row["path"], find_cache(root))
    if file is None:
        raise HTTPException(404)
    return FileResponse(file, media_type=kind)


def _find_blob(root: Path, path: str) -> dict[str, Any] | None:
    """Return the row of an image or mask that is there and is the release's own."""
    for row in read_table(table_path(root / project.TABLES, "blobs")).to_pylist():
        is_volume = row["artefact"] == "mask" or row["artefact"].startswith("image_")
        if row["path"] == path:
            return row if is_volume and row["md5"] and row["md5"] not in MARKS else None
    return None


def send_viewer(request: Request) -> Response:
    """Send the page of a case: the one that is asked for, else the first."""
    site = open_site(request)
    with site.connection as connection:
        cases = [case_id for (case_id,) in connection.execute(_CASES).fetchall()]
        case_id = request.query_params.get("case", cases[0] if cases else "")
        if case_id not in cases:
            sentence = "This release has no image of"
            return send_absence(site, "viewer?case={}", sentence, case_id or "any case", cases)
        images = fetch_rows(connection.execute(_QUERIES["images"], [case_id]))
        masks = fetch_rows(connection.execute(_QUERIES["masks"], [case_id]))
        sets = [name for (name,) in connection.execute(_SETS).fetchall()]
    at = cases.index(case_id)
    page = render_page(
        site, "viewer", "viewer.html.j2", case_id=case_id, cases=cases,
        sets=_describe_images(site.profile, images),
        masks=_describe_masks(site.profile, masks, number_masks(site.profile, sets)),
        previous=cases[at - 1] if at else None, following=(*cases, None)[at + 1], phases=PHASES,
        absent=sorted({*site.profile.masks} - {mask["mask"] for mask in masks}),
        is_page=(site.folder / f"cases/{case_id}.html").is_file(),
        is_installed=(VENDOR / NIIVUE).is_file(), niivue=NIIVUE,
    )  # fmt: skip
    return send_page(page.content.decode(), "viewer", connect_src="'self'", form_action="'self'")


def _describe_images(
    profile: Profile, images: list[dict[str, Any]]
) -> dict[str, list[dict[str, Any]]]:
    """Return the phases of each image set, the normalized one first."""
    normalized = profile.sets.get("normalized")
    sets: dict[str, list[dict[str, Any]]] = {}
    for image in sorted(images, key=lambda image: image["image_set"] != normalized):
        shown = {name: image[name] for name in ("phase", "darkest", "brightest")}
        sets.setdefault(image["image_set"], []).append(shown | {"url": _make_url(image["path"])})
    return sets


def _describe_masks(
    profile: Profile, masks: list[dict[str, Any]], numbers: Mapping[str, int]
) -> list[dict[str, Any]]:
    """Return what the page shows of masks, in the order that all pages have."""
    roles = {name: mask.role or "" for name, mask in profile.masks.items()}
    return [
        {
            "name": mask["mask"],
            "role": roles.get(mask["mask"], "your own"),
            "url": _make_url(mask["path"]),
            "colour": COLOURS[numbers[mask["mask"]]],
            "from": _find_least_foreground(mask),
            "volume_cm3": mask["volume_cm3"],
            "is_off": mask["matches_image_grid"] is False,
            "centre": mask["centre"] if mask["volume_cm3"] else None,
        }
        for mask in sorted(masks, key=lambda mask: [*numbers].index(mask["mask"]))
    ]


def _make_url(path: str) -> str:
    return f"/blob/{quote(path)}"


def _find_least_foreground(mask: dict[str, Any]) -> float:
    """Return from which value on a mask's voxels are drawn: edges are drawn half way."""
    kind, *numbers = (mask["foreground_rule"] or "none").split()
    if kind == "threshold":
        return float(numbers[0])
    values = map(float, numbers) if kind == "labels" else mask["scaled_values"] or (1.0,)
    return min((value for value in values if value > 0), default=1.0) / 2
