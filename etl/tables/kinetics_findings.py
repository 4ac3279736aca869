"""What can be wrong with a case's kinetics, in words."""

from __future__ import annotations

from collections.abc import Sequence

from etl.measure.kinetics import PE_THRESHOLDS_PERCENT, ZERO_LEVEL_TOLERANCE
from etl.model.findings import Finding

_TABLE = "kinetics"
_AGAIN = "Compare the images in a viewer; download the case again."


def report_missing_phase(name: str) -> Finding:
    """Report that an image set lacks a phase, as information: coverage is a contract of its own."""
    return Finding(
        table=_TABLE,
        severity="info",
        check="kinetics_without_phase",
        observed=f"no {name}",
        expected="the three phases of an image set",
        likely_cause="a release in part",
        fix="PE and SER need all three phases: download the image and adopt it.",
        path=name,
    )


def report_phase_off_grid(name: str) -> Finding:
    """Report that a phase lies on another grid than the first one."""
    return Finding(
        table=_TABLE,
        severity="warning",
        check="kinetics_phase_off_grid",
        observed="another size, or corners more than 0.01 mm apart",
        expected="the grid of the first phase: a voxel is one place in all phases",
        likely_cause="one phase was resampled or is of another case",
        fix=_AGAIN,
        path=name,
    )


def report_zero_not_shared(minima: Sequence[float]) -> Finding:
    """Report that the z-scored phases have no common level of no signal."""
    return Finding(
        table=_TABLE,
        severity="warning",
        check="kinetics_zero_level_not_shared",
        observed=f"minima {', '.join(f'{value:.7g}' for value in minima)}",
        expected=f"one minimum in the three z-scored phases, within {ZERO_LEVEL_TOLERANCE:g}",
        likely_cause="phases that were z-scored one by one, or that are of different cases",
        fix=f"Enhancement cannot be computed from these phases. {_AGAIN}",
    )


def report_stretched_phases(better: str, *, is_known: bool) -> Finding:
    """Report that the N3 phases are stretched, or that nobody knows whether they are."""
    return Finding(
        table=_TABLE,
        severity="info",
        check="kinetics_n3_stretched" if is_known else "kinetics_n3_scale_unknown",
        observed=(
            "N3 phases on different scales"
            if is_known
            else "N3 phases whose common scale cannot be shown"
        ),
        expected="one scale for the three phases (phase_scale.is_stretched is false)",
        likely_cause=(
            "each phase was stretched to its data type on its own"
            if is_known
            else "the z-scored images that tell are missing, or do not follow from the N3 images"
        ),
        fix=f"Use the row of image set {better}: its phases share one scale.",
    )


def mask_outside(name: str) -> Finding:
    """Report that a mask with foreground has no voxel on the images' grid."""
    return Finding(
        table=_TABLE,
        severity="warning",
        check="kinetics_mask_outside",
        observed="no foreground voxel on the grid of the images",
        expected="a mask of what the images show",
        likely_cause="a mask of another case, or one smaller than a voxel of the images",
        fix="Compare mask and images in a viewer; write the mask again.",
        path=name,
    )


def report_odd_threshold(threshold: int) -> Finding:
    """Report that the trial's threshold is none of those at which volumes are measured."""
    return Finding(
        table=_TABLE,
        severity="info",
        check="kinetics_odd_threshold",
        observed=f"{threshold} percent",
        expected=f"one of {', '.join(map(str, PE_THRESHOLDS_PERCENT))} percent",
        likely_cause="a segmentation made with a threshold of its own",
        fix="Look the series up in the table acquisitions: the share of voxels is not measured.",
    )
