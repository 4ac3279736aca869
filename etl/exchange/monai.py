"""A data set as MONAI's load_decathlon_datalist reads it: images, labels of 0 and 1, folds.

The paths are relative to the list, where MONAI looks for them unless it is told a `base_dir`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from etl.exchange.cases import Choice, choose_cases
from etl.exchange.nnunet import (
    IMAGES,
    LABELS,
    describe,
    find_ending,
    name_channels,
    place_cases,
)
from etl.exchange.scales import describe_scales
from etl.exchange.target import Exported, Options, parse_copy, require_folder, write_json
from etl.model.profile import Profile, load_profile
from etl.warehouse.export import open_target
from etl.warehouse.splits import FOLDS

FILE = "datalist.json"


def export(root: Path, target: Path, options: Options) -> Exported:
    """Write images and labels as the Decathlon names them, and `datalist.json`, which comes last.

    Raises:
        UserError: see export_for(); also where no case has all that it takes.
    """
    copy, release, profile = parse_copy(options.copy), require_folder(root), load_profile(root)
    choice = choose_cases(root, options, release)
    with open_target(root, target, force=options.force):
        (target / FILE).unlink(missing_ok=True)
        placed = place_cases(choice, release, target, copy, options, profile)
        written = write_json(target / FILE, _make_datalist(choice, profile))
    scales = describe_scales(root, profile, choice.image_set, choice.case_ids)
    note = f"load_decathlon_datalist('{written}', data_list_key='training'), or 'validation_0' ..."
    return Exported([written], [*describe(choice, placed), *scales, note], choice.case_ids)


def _make_datalist(choice: Choice, profile: Profile) -> dict[str, Any]:
    """Return the list: all cases with their folds, then training and validation of each fold."""
    ending = find_ending(choice)
    items = [
        {
            "case_id": case.case_id,
            "image": [
                f"{IMAGES}/{case.case_id}_{channel:04d}{ending}"
                for channel in range(len(choice.phases))
            ],
            "label": f"{LABELS}/{case.case_id}{ending}",
            "fold": case.fold,
        }
        for case in choice.cases
    ]
    return {
        "name": profile.dataset,
        "description": f"{profile.title}; labels: {choice.mask_set}",
        "reference": profile.doi or "",
        "licence": profile.licence,
        "tensorImageSize": "3D",
        "modality": name_channels(choice),
        "labels": {"0": "background", "1": "tumour"},
        "numTraining": len(items),
        "training": items,
        **{f"training_{k}": [i for i in items if i["fold"] != k] for k in range(FOLDS)},
        **{f"validation_{k}": [i for i in items if i["fold"] == k] for k in range(FOLDS)},
    }
