"""The faster loops against the engine's own: every value the same, to the last bit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from zrad.exceptions import DataStructureError
from zrad.radiomics.glcm import GLCM
from zrad.radiomics.gldzm import GLDZM
from zrad.radiomics.glrlm import GLRLM
from zrad.radiomics.glszm import GLSZM
from zrad.radiomics.ngtdm import NGTDM

from etl.measure import texture

ENGINES: dict[str, tuple[Any, Any, tuple[str, ...]]] = {  # z-rad is not typed
    "glcm": (texture.Cooccurrence, GLCM, ("3D", "AVER")),
    "gldzm": (texture.DistanceZones, GLDZM, ("3D",)),
    "glrlm": (texture.Runs, GLRLM, ("3D", "AVER")),
    "glszm": (texture.SizeZones, GLSZM, ("3D",)),
    "ngtdm": (texture.Differences, NGTDM, ("3D",)),
}


def answer(compute: Callable[[], dict[str, float]]) -> dict[str, str] | str:
    try:
        return {name: float(value).hex() for name, value in compute().items()}
    except (DataStructureError, ValueError) as error:
        return str(error).strip()


@pytest.mark.parametrize("family", ENGINES)
@settings(max_examples=25, deadline=None)
@given(
    shape=st.tuples(*[st.integers(1, 9)] * 3),
    bins=st.sampled_from([1, 2, 5, 128]),
    share=st.sampled_from([0.2, 0.7, 1.0]),
    seed=st.integers(0, 10_000),
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_same_bits(
    family: str, shape: tuple[int, int, int], bins: int, share: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    levels = rng.integers(1, bins + 1, shape).astype(float)
    levels[rng.random(shape) > share] = np.nan
    levels.flat[0] = bins
    levels = np.asarray(levels, order="F" if seed % 2 else "C")
    ours, theirs, how = ENGINES[family]
    arguments = [levels, ~np.isnan(levels)] if family == "gldzm" else [levels]
    assert answer(lambda: ours(*how).calculate_features(*arguments)) == answer(
        lambda: theirs(*how).calculate_features(*arguments)
    )
