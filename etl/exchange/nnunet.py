"""A raw data set of nnU-Net v2: a channel per phase, labels 0 and 1, folds.

Form: documentation/dataset_format.md of nnU-Net. `splits_final.json` lies in the raw data set, from
where nnUNetv2_plan_and_preprocess copies it to the preprocessed one, where training reads it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from etl.exchange.cases import Choice, choose_cases
from etl.exchange.labels import put_label
from etl.exchange.scales import describe_scales
from etl.exchange.target import (
    Exported,
    Options,
    list_reasons,
    parse_copy,
    put_in_place,
    require_folder,
    write_json,
)
from etl.model.errors import UserError
from etl.model.profile import Profile, load_profile
from etl.warehouse.export import open_target
from etl.warehouse.splits import FOLDS

IMAGES, LABELS = "imagesTr", "labelsTr"
SPLITS, DATASET = "splits_final.json", "dataset.json"
_NAME = re.compile(r"Dataset[0-9]{3}_\w+")
Lists = Mapping[str, object]  # name of a file -> its content, as JSON


def export(root: Path, target: Path, options: Options) -> Exported:
    """Write the data set into a folder of nnUNet_raw, named as nnU-Net wants it.

    Raises:
        UserError: see export_cases(); also a name of another form.
    """
    if not _NAME.fullmatch(target.resolve().name):
        message = f"{target}: nnU-Net wants a name such as Dataset101_ISPY1. Name the folder so."
        raise UserError(message)
    note = f"{SPLITS}: nnUNetv2_plan_and_preprocess copies it to nnUNet_preprocessed."
    return export_cases(root, target, options, _make_lists, note)


def export_cases(
    root: Path,
    target: Path,
    options: Options,
    make_lists: Callable[[Choice, Profile], Lists],
    note: str,
) -> Exported:
    """Write images and labels, then the lists of them.

    The last list is what a data set is known by: what was stopped before is none.

    Raises:
        UserError: see export_for(); also where no case has all that it takes, or where the folder
            holds a file that would count as another case.
    """
    copy, release, profile = parse_copy(options.copy), require_folder(root), load_profile(root)
    choice = choose_cases(root, options, release)
    lists, names, placed = make_lists(choice, profile), name_files(choice), Counter[str]()
    with open_target(root, target, force=options.force):
        (target / [*lists][-1]).unlink(missing_ok=True)
        _refuse_others(target, {target / name for of_case in names.values() for name in of_case})
        for done, case in enumerate(choice.cases):
            options.progress(done, len(choice.cases))
            *channels, label = (target / name for name in names[case.case_id])
            for phase, channel in zip(choice.phases, channels, strict=True):
                placed[put_in_place(release / case.images[phase].path, channel, copy)] += 1
            placed["label"] += put_label(release / case.mask.path, case.mask, label, copy, profile)
        written = [write_json(target / name, content) for name, content in lists.items()]
    scales = describe_scales(root, profile, choice.image_set, choice.case_ids)
    return Exported(written, [*_describe(choice, placed), *scales, note], choice.case_ids)


def name_files(choice: Choice) -> dict[str, list[str]]:
    """Return the files of each case below the folder: a channel per phase, then the label."""
    channels = range(len(choice.phases))
    return {
        case_id: [
            *(f"{IMAGES}/{case_id}_{n:04d}{choice.ending}" for n in channels),
            f"{LABELS}/{case_id}{choice.ending}",
        ]
        for case_id in choice.case_ids
    }


def _refuse_others(target: Path, written: set[Path]) -> None:
    for folder in (IMAGES, LABELS):
        for path in sorted({*(target / folder).glob("[!.]*")} - written):
            message = f"{path}: is of none of these cases. Remove it, or name a new folder."
            raise UserError(message)


def _make_lists(choice: Choice, profile: Profile) -> Lists:
    """Return training and validation cases of each fold, in order, and the data set."""
    splits = [
        {
            "train": [case.case_id for case in choice.cases if case.fold != fold],
            "val": [case.case_id for case in choice.cases if case.fold == fold],
        }
        for fold in range(FOLDS)
    ]
    dataset = {
        "channel_names": name_channels(choice),
        "labels": {"background": 0, "tumour": 1},
        "numTraining": len(choice.cases),
        "file_ending": choice.ending,
        **describe_set(choice, profile),
    }
    return {SPLITS: splits, DATASET: dataset}


def name_channels(choice: Choice) -> dict[str, str]:
    """Return the names of the channels by their numbers."""
    return {str(n): f"{choice.image_set} phase {phase}" for n, phase in enumerate(choice.phases)}


def describe_set(choice: Choice, profile: Profile) -> dict[str, str]:
    """Return what a list says of the data set."""
    return {
        "name": profile.dataset,
        "description": f"{profile.title}; labels: {choice.mask_set}",
        "reference": profile.doi or "",
        "licence": profile.licence,
    }


def _describe(choice: Choice, placed: Counter[str]) -> list[str]:
    """Return sentences: what is in it, what was converted, and who is left out."""
    ways = ", ".join(f"{placed[way]} by {way}" for way in sorted(placed) if way != "label")
    labels = f"{placed['label']} of {len(choice.cases)} labels had other values than 0 and 1"
    return [
        f"{len(choice.cases)} cases: {choice.image_set}, labels {choice.mask_set}; images: {ways}.",
        *([f"{labels}; they are written as 0 and 1."] if placed["label"] else []),
        *list_reasons(choice.left_out.items()),
    ]
