"""What can be wrong with a case's kinetics, in words; what was seen is added where it is seen."""

from __future__ import annotations

from functools import partial

from etl.measure.kinetics import PE_THRESHOLDS_PERCENT, ZERO_LEVEL_TOLERANCE
from etl.model.findings import Finding

_TABLE = "kinetics"
_AGAIN = "Compare the images in a viewer; download the case again."

# Information: that images are missing is a contract of its own.
report_missing_phase = partial(
    Finding, _TABLE, "info", "kinetics_without_phase",
    expected="the three phases of an image set",
    likely_cause="a release in part",
    fix="PE and SER need all three phases: download the image and adopt it.",
)  # fmt: skip
report_phase_off_grid = partial(
    Finding, _TABLE, "warning", "kinetics_phase_off_grid",
    observed="another size, or corners more than 0.01 mm apart",
    expected="the grid of the first phase: a voxel is one place in all phases",
    likely_cause="one phase was resampled or is of another case",
    fix=_AGAIN,
)  # fmt: skip
report_zero_not_shared = partial(
    Finding, _TABLE, "warning", "kinetics_zero_level_not_shared",
    expected=f"one minimum in the three z-scored phases, within {ZERO_LEVEL_TOLERANCE:g}",
    likely_cause="phases that were z-scored one by one, or that are of different cases",
    fix=f"Enhancement cannot be computed from these phases. {_AGAIN}",
)  # fmt: skip
_EXPECTED_SCALE = "one scale for the three phases (phase_scale.is_stretched is false)"
report_stretched = partial(
    Finding, _TABLE, "info", "kinetics_n3_stretched",
    observed="N3 phases on different scales",
    expected=_EXPECTED_SCALE,
    likely_cause="each phase was stretched to its data type on its own",
)  # fmt: skip
report_unknown_scale = partial(
    Finding, _TABLE, "info", "kinetics_n3_scale_unknown",
    observed="N3 phases whose common scale cannot be shown",
    expected=_EXPECTED_SCALE,
    likely_cause="the z-scored images that tell are missing, or do not follow from the N3 images",
)  # fmt: skip
report_mask_outside = partial(
    Finding, _TABLE, "warning", "kinetics_mask_outside",
    observed="no foreground voxel on the grid of the images",
    expected="a mask of what the images show",
    likely_cause="a mask of another case, or one smaller than a voxel of the images",
    fix="Compare mask and images in a viewer; write the mask again.",
)  # fmt: skip
report_odd_threshold = partial(
    Finding, _TABLE, "info", "kinetics_odd_threshold",
    expected=f"one of {', '.join(map(str, PE_THRESHOLDS_PERCENT))} percent",
    likely_cause="a segmentation made with a threshold of its own",
    fix="Look the series up in the table acquisitions: the share of voxels is not measured.",
)  # fmt: skip
