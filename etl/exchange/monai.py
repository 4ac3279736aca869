"""A data set as MONAI's load_decathlon_datalist reads it: images, labels of 0 and 1, folds.

The paths are relative to the list, where MONAI looks for them unless it is told a `base_dir`.
"""

from __future__ import annotations

from pathlib import Path

from etl.exchange.cases import Choice
from etl.exchange.nnunet import Lists, describe_set, export_cases, name_channels, name_files
from etl.exchange.target import Exported, Options
from etl.model.profile import Profile
from etl.warehouse.splits import FOLDS

FILE = "datalist.json"


def export(root: Path, target: Path, options: Options) -> Exported:
    """Write images and labels as the Decathlon names them, and `datalist.json`.

    Raises:
        UserError: see export_cases().
    """
    example = f"load_decathlon_datalist('{target / FILE}', data_list_key='training')"
    return export_cases(root, target, options, _make_lists, f"{example}, or 'validation_0' ...")


def _make_lists(choice: Choice, profile: Profile) -> Lists:
    """Return the list: all cases with their folds, then training and validation of each fold."""
    names = name_files(choice)
    items = [
        {
            "case_id": case.case_id,
            "image": names[case.case_id][:-1],
            "label": names[case.case_id][-1],
            "fold": case.fold,
        }
        for case in choice.cases
    ]
    datalist = {
        **describe_set(choice, profile),
        "tensorImageSize": "3D",
        "modality": name_channels(choice),
        "labels": {"0": "background", "1": "tumour"},
        "numTraining": len(items),
        "training": items,
        **{f"training_{k}": [i for i in items if i["fold"] != k] for k in range(FOLDS)},
        **{f"validation_{k}": [i for i in items if i["fold"] == k] for k in range(FOLDS)},
    }
    return {FILE: datalist}
