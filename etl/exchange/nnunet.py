"""A raw data set of nnU-Net v2: a channel per phase, labels 0 and 1, folds.

Form: documentation/dataset_format.md of nnU-Net. `splits_final.json` lies in the raw data set, from
where nnUNetv2_plan_and_preprocess copies it to the preprocessed one, where training reads it.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

from etl.exchange.cases import Case, Choice, choose_cases
from etl.exchange.labels import put_label
from etl.exchange.scales import describe_scales
from etl.exchange.target import (
    Copy,
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

IMAGES, LABELS, DATASET = "imagesTr", "labelsTr", "dataset.json"
_NAME = re.compile(r"Dataset[0-9]{3}_\w+")


def export(root: Path, target: Path, options: Options) -> Exported:
    """Write the data set into a folder of nnUNet_raw, named as nnU-Net wants it.

    `dataset.json` comes last: what was stopped before is no data set.

    Raises:
        UserError: see export_for(); also a name of another form, or no case with all it takes.
    """
    if not _NAME.fullmatch(target.resolve().name):
        message = f"{target}: nnU-Net wants a name such as Dataset101_ISPY1. Name the folder so."
        raise UserError(message)
    copy, release, profile = parse_copy(options.copy), require_folder(root), load_profile(root)
    choice = choose_cases(root, options, release)
    with open_target(root, target, force=options.force):
        (target / DATASET).unlink(missing_ok=True)
        placed = place_cases(choice, release, target, copy, options, profile)
        splits = write_json(target / "splits_final.json", make_splits(choice.cases))
        dataset = write_json(target / DATASET, _make_dataset(choice, profile))
    scales = describe_scales(root, profile, choice.image_set, choice.case_ids)
    note = f"{splits.name}: nnUNetv2_plan_and_preprocess copies it to nnUNet_preprocessed."
    return Exported([splits, dataset], [*describe(choice, placed), *scales, note], choice.case_ids)


def find_ending(choice: Choice) -> str:
    """Return the one ending of all files: `.nii` where no image is compressed."""
    images = [image.path for case in choice.cases for image in case.images.values()]
    return ".nii.gz" if any(path.endswith(".gz") for path in images) else ".nii"


def place_cases(
    choice: Choice, release: Path, target: Path, copy: Copy, options: Options, profile: Profile
) -> Counter[str]:
    """Put images and labels in place; return how many got there by which way.

    Raises:
        UserError: the folder holds a file that would count as another case.
    """
    ending, placed = find_ending(choice), Counter[str]()
    _refuse_others(target, choice, ending)
    for done, case in enumerate(choice.cases):
        options.progress(done, len(choice.cases))
        for channel, phase in enumerate(choice.phases):
            image = target / IMAGES / f"{case.case_id}_{channel:04d}{ending}"
            placed[put_in_place(release / case.images[phase].path, image, copy)] += 1
        label, source = target / LABELS / f"{case.case_id}{ending}", release / case.mask.path
        placed["label"] += put_label(source, case.mask, label, copy, profile)
    return placed


def _refuse_others(target: Path, choice: Choice, ending: str) -> None:
    images = {f"{c.case_id}_{n:04d}" for c in choice.cases for n in range(len(choice.phases))}
    for folder, names in ((IMAGES, images), (LABELS, {case.case_id for case in choice.cases})):
        written = {f"{name}{ending}" for name in names}
        for path in sorted((target / folder).glob("[!.]*")):
            if path.name not in written:
                message = f"{path}: is of none of these cases. Remove it, or name a new folder."
                raise UserError(message)


def make_splits(cases: tuple[Case, ...]) -> list[dict[str, list[str]]]:
    """Return training and validation cases of each fold, in the order of the folds."""
    return [
        {
            "train": [case.case_id for case in cases if case.fold != fold],
            "val": [case.case_id for case in cases if case.fold == fold],
        }
        for fold in range(FOLDS)
    ]


def name_channels(choice: Choice) -> dict[str, str]:
    """Return the names of the channels by their numbers."""
    return {str(n): f"{choice.image_set} phase {phase}" for n, phase in enumerate(choice.phases)}


def _make_dataset(choice: Choice, profile: Profile) -> dict[str, Any]:
    return {
        "channel_names": name_channels(choice),
        "labels": {"background": 0, "tumour": 1},
        "numTraining": len(choice.cases),
        "file_ending": find_ending(choice),
        "name": profile.dataset,
        "description": f"{profile.title}; labels: {choice.mask_set}",
        "reference": profile.doi or "",
        "licence": profile.licence,
    }


def describe(choice: Choice, placed: Counter[str]) -> list[str]:
    """Return sentences: what is in it, what was converted, and who is left out."""
    ways = ", ".join(f"{placed[way]} by {way}" for way in sorted(placed) if way != "label")
    labels = f"{placed['label']} of {len(choice.cases)} labels had other values than 0 and 1"
    return [
        f"{len(choice.cases)} cases: {choice.image_set}, labels {choice.mask_set}; images: {ways}.",
        *([f"{labels}; they are written as 0 and 1."] if placed["label"] else []),
        *list_reasons(choice.left_out.items()),
    ]
