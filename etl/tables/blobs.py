"""The table `blobs`."""

from __future__ import annotations

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
from etl.read.features import read_features
from etl.read.manifest import read_manifest
from etl.tables.unit import Blob, Context, Measured, Row, Unit, find_artefact, refuse_mark

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
    listed = read_publisher_md5s(unit, context, out)
    for blob in unit:
        out.rows.append(_make_present_row(blob, listed, context.profile))
        if blob.md5 in MARKS - {LINK_OUTSIDE}:
            error = refuse_mark(blob.md5, context.release / blob.path)
            out.findings.append(make_finding("blobs", error, path=blob.path))
        elif not is_known(blob.name, context.profile):
            out.findings.append(_report_unknown(blob))
    out.findings.extend(_report_duplicates(unit))
    present_paths = {_place(blob.name, context.profile) for blob in unit}
    for name in _list_expected(unit, listed, context):
        if name.path not in present_paths:
            out.rows.append(_make_missing_row(name, listed))
    return out


def read_publisher_md5s(unit: Unit, context: Context, out: Measured) -> Listed | None:
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


def _make_present_row(blob: Blob, listed: Listed | None, profile: Profile) -> Row:
    publisher = (listed or {}).get(_place(blob.name, profile))
    is_mark = blob.md5 in MARKS
    return {
        **_make_identity(blob.name),
        "size_bytes": None if is_mark else blob.size_bytes,
        "md5": None if is_mark else blob.md5,
        "publisher_md5": publisher,
        "verdict": _judge_blob(blob, listed, publisher),
    }


def _judge_blob(blob: Blob, listed: Listed | None, publisher: str | None) -> str:
    if blob.md5 in MARKS:
        return "missing"
    if listed is None:
        return "no_manifest"
    if publisher is None:
        return "unlisted"
    if publisher == blob.md5:
        return "match"
    return "repacked" if blob.path.endswith(".nii") else "mismatch"


def _make_identity(name: Name) -> Row:
    return {
        "path": name.path,
        "artefact": name.artefact,
        "mask": name.mask,
        "case_id": name.case_id,
        "phase": name.phase,
    }


def _make_missing_row(name: Name, listed: Listed | None) -> Row:
    return {
        **_make_identity(name),
        "size_bytes": None,
        "md5": None,
        "publisher_md5": (listed or {}).get(name.path),
        "verdict": "missing",
    }


def _list_expected(unit: Unit, listed: Listed | None, context: Context) -> list[Name]:
    """Return what should be there: blobs of every in_release case, workbooks, the manifest's."""
    profile = context.profile
    names = [
        n
        for case in list_cases_in_release(unit, listed, context)
        for n in list_blobs_of_case(case, profile)
    ]
    names += [parse(path, profile) for path in listed or {}]
    present = {blob.name.artefact for blob in unit}
    for kind in ("features", "captk_parameters", "clinical"):
        if kind not in present and kind in profile.files:
            names.append(parse(profile.files[kind][0], profile))
    return list({name.path: name for name in names}.values())


def list_cases_in_release(unit: Unit, listed: Listed | None, context: Context) -> list[str]:
    """Return cases that a blob, the publisher's manifest or the features workbook names.

    A mask of the user's own makes no case of the release.
    """
    named = [blob.name for blob in unit] + [parse(path, context.profile) for path in listed or {}]
    own = [name for name in named if name.mask and name.mask not in context.profile.masks]
    names = [name.case_id for name in named if name not in own]
    names += list_cases_of_features(context)
    return sorted({case_id for case_id in names if case_id})


def list_cases_of_features(context: Context) -> list[str | None]:
    """Return the cases of the features workbook; none where it cannot be read."""
    blob = find_artefact(context, "features")
    try:
        sheet = read_features(context.file(blob)) if blob else None
    except BadInputError:
        return []
    return [context.profile.case_id(subject) for subject in sheet.subjects] if sheet else []


def _report_duplicates(unit: Unit) -> list[Finding]:
    """Return a finding for every file that says it is what another file is already."""
    by_identity: dict[Identity, list[str]] = {}
    for blob in unit:
        if blob.name.artefact not in ("other", "manifest"):
            by_identity.setdefault(blob.name.identity, []).append(blob.path)
    return [
        Finding(
            table="blobs",
            severity="critical",
            check="double_blob",
            observed=" and ".join(sorted(paths)),
            expected="one file",
            likely_cause="a .nii beside its .nii.gz, or a case copied twice",
            fix="Keep the one that the publisher's manifest lists, remove the other.",
            case_id=identity[2],
            path=max(paths),
        )
        for identity, paths in by_identity.items()
        if len(paths) > 1
    ]


def _report_unknown(blob: Blob) -> Finding:
    return Finding(
        table="blobs",
        severity="warning",
        check="unknown_file",
        observed=blob.path,
        expected="a blob, a workbook, the parameter file or the manifest",
        likely_cause="a file of another data set, or a misspelt name",
        fix="Rename it as the release does, or remove it. It is in no table but blobs.",
        path=blob.path,
    )
