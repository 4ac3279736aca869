"""Say what a plan comes to, before anything is changed: the report of a dry run."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from etl.adopt.compare import Item
from etl.adopt.place import count_bytes_to_copy, find_existing, measure_free_bytes
from etl.adopt.plan import Plan
from etl.adopt.recognise import SLICE, identify
from etl.adopt.report import Missing, NoCase, Report, Request
from etl.adopt.which_profile import list_cases
from etl.model.params_file import Value
from etl.model.profile import Profile, list_expected_ids
from etl.model.project import params
from etl.model.release import is_own_mask, list_blobs_of_case, parse
from etl.tables.own_masks import MASK_SETS
from etl.versions.dvc import find_cache
from etl.versions.track import TARGET

_NO_PRUNE = "a folder of the source could not be listed, so nothing is known to be gone from it"


def foresee_plan(plan: Plan) -> Report:
    """Return what `execute_plan` would do. Changes nothing."""
    request, scanned, recognised = plan.request, plan.scanned, plan.recognised
    absent = _list_not_in_source(plan)
    spared = tuple(path for path in absent if request.is_prune and _is_spared(plan, path))
    removed = tuple(path for path in absent if request.is_prune and path not in spared)
    to_copy, needed, free = _measure_space(request, plan.items)
    params_changed = _is_new(request, plan.profile)
    return Report(
        source=str(request.source),
        target=TARGET,
        profile=plan.profile.name,
        profile_reason=plan.profile_reason,
        mask_set=request.mask_set,
        rule=request.rule,
        is_dry_run=request.is_dry_run,
        taken=tuple(item.taken for item in plan.items),
        unrecognised=tuple(file.path for file in recognised.unrecognised),
        mask_name=plan.mask_name,
        not_taken=recognised.not_taken,
        refused=(*scanned.refused, *recognised.refused, *plan.choice.refused),
        no_case=tuple(NoCase(c.file.path, c.name.case_id or "") for c in plan.strangers),
        damaged=plan.damaged,
        doubles=plan.choice.duplicates,
        missing=find_missing(plan, plan.items, removed),
        not_in_source=() if request.is_prune else absent,
        removed=removed,
        kept=spared,
        prune_skipped=_NO_PRUNE if request.is_prune and not scanned.is_whole else None,
        litter=len(scanned.litter),
        litter_names=tuple(scanned.litter),
        bytes_to_copy=to_copy,
        bytes_needed=needed,
        bytes_free=free,
        bytes_shared=0,
        recorded=0,
        params_changed=params_changed,
        is_changed=params_changed or bool(removed) or is_any_new(plan.items),
    )


def is_any_new(items: Iterable[Item]) -> bool:
    """Return whether the items bring something, or take another form of it away."""
    return any(item.taken.action != "unchanged" or item.taken.replaces for item in items)


def list_params(request: Request, profile: Profile) -> dict[str, Value]:
    """Return what params.yaml is to say, by key."""
    values: dict[str, Value] = {"release": TARGET, "profile": profile.name}
    if request.rule is not None:
        values[f"{MASK_SETS}.{request.mask_set}"] = request.rule
    return values


def find_missing(plan: Plan, items: Iterable[Item], removed: Collection[str]) -> Missing:
    """Return what the release lacks once it holds `items` and has lost `removed`.

    It should hold the profile's expected cases, and those that its files and manifests name; of a
    mask set, those of the other files.
    """
    request, profile = plan.request, plan.profile
    files = [item.taken for item in items]
    going = {*removed, *(path for file in files for path in file.replaces)}
    after = set(plan.present.paths) - going | {file.target for file in files}
    if request.mask_set:
        prefix = request.prefix(profile)
        paths = [path for path in after if not path.startswith(prefix)]
        cases = list_cases(paths, profile, request.release, None)
    else:
        cases = list_cases([*after, *plan.listed], profile, request.release, None)
        cases |= {*list_expected_ids(request.root, profile)}
    return _compare_with_expected(after, cases, request, profile)


def _compare_with_expected(
    after: Collection[str], cases: Collection[str], request: Request, profile: Profile
) -> Missing:
    identities = {parse(path, profile).identity for path in after}
    absent, incomplete, paths = [], [], []
    for case_id in sorted(cases):
        blobs = list_blobs_of_case(case_id, profile)
        if request.mask_set:
            blobs = [parse(f"{request.prefix(profile)}{case_id}.nii.gz", profile)]
        paths_lacking = [blob.path for blob in blobs if blob.identity not in identities]
        paths += paths_lacking
        if len(paths_lacking) == len(blobs):
            absent.append(case_id)
        elif paths_lacking:
            incomplete.append(case_id)
    names = {} if request.mask_set else profile.files
    lacking = {a: n for a, (n, *_) in names.items() if (a, None, None, None) not in identities}
    files = tuple(name for artefact, name in lacking.items() if artefact not in {"readme", SLICE})
    return Missing(
        paths=(*paths, *files),
        expected_cases=len(cases),
        absent_cases=tuple(absent),
        incomplete_cases=tuple(incomplete),
        files=files,
        slice=lacking.get(SLICE) if profile.idc_collection else None,
    )


def _list_not_in_source(plan: Plan) -> tuple[str, ...]:
    """Return the release's files that the source does not have. What was refused is there.

    None where a part of the source is not known.
    """
    if not plan.scanned.is_whole:
        return ()
    files = (item.taken for item in plan.items)
    claimed = {path for file in files for path in (file.target, *file.replaces)}
    prefix = plan.request.prefix(plan.profile)
    return tuple(
        path
        for path in plan.present.paths
        if path not in claimed
        and path.startswith(prefix)
        and identify(parse(path, plan.profile), path) not in plan.undecided
    )


def _is_spared(plan: Plan, path: str) -> bool:
    """Return whether pruning the release leaves the file: no download has it."""
    is_own = is_own_mask(path, plan.profile) or parse(path, plan.profile).artefact == SLICE
    return is_own and plan.request.mask_set is None


def _measure_space(request: Request, items: Sequence[Item]) -> tuple[int, int, int]:
    """Return bytes to copy, bytes that this takes with DVC's cache, and bytes that are free.

    The release is copied once, and once more into DVC's cache where blocks are not shared.
    """
    to_copy = count_bytes_to_copy(items)
    free = measure_free_bytes(request.release)
    if not to_copy:
        return 0, 0, free
    cache = find_cache(request.root)
    if find_existing(cache).stat().st_dev == find_existing(request.release).stat().st_dev:
        return to_copy, 2 * to_copy, free
    return to_copy, to_copy, min(free, measure_free_bytes(cache))


def _is_new(request: Request, profile: Profile) -> bool:
    """Return whether params.yaml does not say yet what is to be written there."""
    now = params(request.root)
    rules = now.get(MASK_SETS) or {}
    flat = {**now, **{f"{MASK_SETS}.{name}": rule for name, rule in rules.items()}}
    return any(flat.get(name) != value for name, value in list_params(request, profile).items())
