"""MONAI's list: what MONAI's own function makes of it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from support import CASES, by_nibabel, mask_voxels

from etl.exchange import export_for
from etl.exchange.target import Options

Load = Callable[..., list[dict[str, Any]]]
# What its module imports beside the standard library; load_decathlon_datalist() uses none of it.
IMPORTED = {
    "monai.config": ("KeysCollection", "PathLike"),
    "monai.data.utils": ("partition_dataset", "select_cross_validation_folds"),
    "monai.utils": ("ensure_tuple",),
}


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Load:
    """MONAI's own function, from its own file.

    `import monai` imports torch, which is gigabytes. The function needs json and paths alone, so
    its module is run with empty stand-ins for the names that it imports from others.
    """
    package = find_spec("monai")
    if package is None or package.origin is None:
        pytest.skip("monai is not installed: `make test` installs it with tests/opinions.lock")
    for name, attributes in IMPORTED.items():
        stand_in = ModuleType(name)
        stand_in.__dict__.update(dict.fromkeys(attributes, object))
        monkeypatch.setitem(sys.modules, name, stand_in)
    path = Path(package.origin).parent / "data" / "decathlon_datalist.py"
    spec = spec_from_file_location("decathlon_datalist", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    function: Load = module.load_decathlon_datalist
    return function


def test_monai_reads_it(released: Path, tmp_path: Path, load: Load) -> None:
    (written,) = export_for("monai", released, tmp_path / "out", Options(masks="ftv")).paths
    items = load(written, is_segmentation=True)
    assert [item["case_id"] for item in items] == list(CASES)
    for number, item in enumerate(items, 1):
        assert [Path(path).is_file() for path in item["image"]] == [True, True, True]
        images = [by_nibabel(path) for path in item["image"]]
        label = by_nibabel(item["label"])
        assert all(np.allclose(image.affine, label.affine) for image in images)
        assert {image.shape for image in images} == {label.shape}
        assert np.array_equal(np.asarray(label.dataobj), mask_voxels(number, "ftv") != 0)
    for fold in range(5):
        validation = load(written, data_list_key=f"validation_{fold}")
        assert validation == [item for item in items if item["fold"] == fold]
        training = load(written, data_list_key=f"training_{fold}")
        assert training == [item for item in items if item["fold"] != fold]


def test_the_folder_may_move(released: Path, tmp_path: Path, load: Load) -> None:
    export_for("monai", released, tmp_path / "out", Options(copy="copy"))
    moved = (tmp_path / "out").rename(tmp_path / "moved")
    for item in load(moved / "datalist.json"):
        assert all(Path(path).is_relative_to(moved) for path in (*item["image"], item["label"]))
        assert not any(Path(path).is_symlink() for path in (*item["image"], item["label"]))
