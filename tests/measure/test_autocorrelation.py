"""The shorter transforms against the engine's own: every value the same, to the last bit."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from support import Array
from zrad.radiomics.morphology import MorphologyCorrelationFeatures

from etl.measure.autocorrelation import Autocorrelation


@pytest.mark.parametrize("shape", [(12, 9, 10), (7, 21, 8), (1, 40, 40), (33, 2, 15)])
@pytest.mark.parametrize("arrange", [np.ascontiguousarray, np.asfortranarray])
def test_same_bits(shape: tuple[int, int, int], arrange: Callable[[Array], Array]) -> None:
    rng = np.random.default_rng(sum(shape))
    image = arrange(rng.normal(size=shape) + np.indices(shape)[2])
    inside = rng.random(shape) < 0.9
    spacing = (0.8, 1.1, 2.0)
    ours, theirs = (
        engine(spacing).calculate_features(inside, image)
        for engine in (Autocorrelation, MorphologyCorrelationFeatures)
    )
    assert ours == theirs
