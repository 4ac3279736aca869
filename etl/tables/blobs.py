"""The table `blobs`."""

from __future__ import annotations

from functools import partial

from etl.model.errors import BadInputError
from etl.model.findings import Finding, make_finding
from etl.model.profile import Profile
from etl.model.release import (
    LINK_OUTSIDE,
    MARKS,
    Identity,
    Name,
    is_known,
    list_blobs_of_case,
    parse,
    place_in_release,
)
from etl.model.schema import Table, parse_columns
from etl.read.manifest import read_manifest
from etl.tables.features import read_feature_sheet
from etl.tables.unit import Blob, Context, Measured, Row, Unit, refuse_mark

TABLE = Table(
    name="blobs",
    grain="One row per file that the release holds or should hold",
    key=("path",),
    columns=parse_columns("""
        path string Path inside the release
        artefact string image_n3, image_zscored, mask, features, captk_parameters, clinical,
            acquisitions, manifest, other
        mask string? Mask set, for masks
        case_id string? The case, for images and masks
        phase int64? DCE phase, for images: 0 before contrast, 1 and 2 after
        size_bytes int64? [bytes] Length on disk; null where the file is missing
        md5 string? MD5 on disk, which is also the DVC hash
        publisher_md5 string? MD5 in the publisher's manifest
        verdict string Against the manifest: match, mismatch, repacked (a .nii whose .nii.gz is
            listed), unlisted, no_manifest or missing
    """),
    per="release",
    reads=("",),
    sources={
        "publisher_md5": ("manifest", "the publisher's manifest"),
        "verdict": ("manifest", "the publisher's manifest"),
    },
    references={"case_id": "cases"},
)


Listed = dict[str, str]  # canonical path -> the publisher's MD5


def measure(unit: Unit, context: Context) -> Measured:
    """Return a row for every file that is there, and for every file that should be."""
    out = Measured()
    listed = _read_publisher_md5s(unit, context, out)
    for blob in unit:
        out.rows.append(_make_row(blob.name, listed, blob, context.profile))
        if blob.md5 in MARKS - {LINK_OUTSIDE}:
            error = refuse_mark(blob.md5, context.release / blob.path)
            out.findings.append(make_finding("blobs", error, path=blob.path))
        elif not is_known(blob.name, context.profile):
            out.findings.append(_report_unknown(observed=blob.path, path=blob.path))
    out.findings.extend(_report_duplicates(unit))
    present_paths = {_place(blob.name, context.profile) for blob in unit}
    for name in _list_expected(unit, listed, context):
        if name.path not in present_paths:
            out.rows.append(_make_row(name, listed, None, context.profile))
    return out


def _read_publisher_md5s(unit: Unit, context: Context, out: Measured) -> Listed | None:
    """Return what the release's manifests list; None without a manifest."""
    manifests = [blob for blob in unit if blob.name.artefact == "manifest"]
    listed: Listed = {}
    for blob in manifests:
        try:
            lines = read_manifest(context.file(blob))
        except BadInputError as error:
            out.findings.append(make_finding("blobs", error, path=blob.path))
            continue
        for path, md5 in lines.items():
            listed[_place(parse(path, context.profile), context.profile)] = md5
    return listed if manifests else None


def _place(name: Name, profile: Profile) -> str:
    """Return the canonical .nii.gz path of images and masks; other files where they are."""
    return place_in_release(name, profile) if name.case_id else name.path


def _make_row(name: Name, listed: Listed | None, blob: Blob | None, profile: Profile) -> Row:
    """Return the row of a file that is there, or of one that should be."""
    publisher = (listed or {}).get(_place(name, profile))
    present = blob if blob and blob.md5 not in MARKS else None
    return {
        "path": name.path,
        "artefact": name.artefact,
        "mask": name.mask,
        "case_id": name.case_id,
        "phase": name.phase,
        "size_bytes": present.size_bytes if present else None,
        "md5": present.md5 if present else None,
        "publisher_md5": publisher,
        "verdict": _judge_blob(present, listed, publisher) if present else "missing",
    }


def _judge_blob(blob: Blob, listed: Listed | None, publisher: str | None) -> str:
    if listed is None:
        return "no_manifest"
    if publisher is None:
        return "unlisted"
    if publisher == blob.md5:
        return "match"
    return "repacked" if blob.path.endswith(".nii") else "mismatch"


def _list_expected(unit: Unit, listed: Listed | None, context: Context) -> list[Name]:
    """Return what should be there: blobs of every in_release case, workbooks, the manifest's."""
    profile = context.profile
    names = [
        n
        for case in _list_cases_in_release(unit, listed, context)
        for n in list_blobs_of_case(case, profile)
    ]
    names += [parse(path, profile) for path in listed or {}]
    present = {blob.name.artefact for blob in unit}
    for kind in ("features", "captk_parameters", "clinical"):
        if kind not in present and kind in profile.files:
            names.append(parse(profile.files[kind][0], profile))
    return list({name.path: name for name in names}.values())


def _list_cases_in_release(unit: Unit, listed: Listed | None, context: Context) -> list[str]:
    """Return cases that a blob, the publisher's manifest or the features workbook names.

    A mask of the user's own makes no case of the release.
    """
    profile = context.profile
    named = [blob.name for blob in unit] + [parse(path, profile) for path in listed or {}]
    names = [n.case_id for n in named if n.mask is None or n.mask in profile.masks]
    sheet = read_feature_sheet(context)
    names += [profile.case_id(subject) for subject in sheet.subjects] if sheet else []
    return sorted({case_id for case_id in names if case_id})


def _report_duplicates(unit: Unit) -> list[Finding]:
    """Return a finding for every file that says it is what another file is already."""
    by_identity: dict[Identity, list[str]] = {}
    for blob in unit:
        if blob.name.artefact not in ("other", "manifest"):
            by_identity.setdefault(blob.name.identity, []).append(blob.path)
    return [
        _report_double(observed=" and ".join(sorted(paths)), case_id=identity[2], path=max(paths))
        for identity, paths in by_identity.items()
        if len(paths) > 1
    ]


_report_unknown = partial(
    Finding, TABLE.name, "warning", "unknown_file",
    expected="a blob, a workbook, the parameter file or the manifest",
    likely_cause="a file of another data set, or a misspelt name",
    fix="Rename it as the release does, or remove it. It is in no table but blobs.",
)  # fmt: skip
_report_double = partial(
    Finding, TABLE.name, "critical", "double_blob",
    expected="one file",
    likely_cause="a .nii beside its .nii.gz, or a case copied twice",
    fix="Keep the one that the publisher's manifest lists, remove the other.",
)  # fmt: skip
