"""The features of the image biomarker standardisation initiative that can be computed, by family.

Names are the tags of the IBSI reference values (Zwanenburg et al., Radiology 295:328, 2020;
arXiv:1612.07003). The engine is not imported here: that takes a second.
"""

from __future__ import annotations

from typing import Literal

Aggregation = Literal["avg", "comb"]  # mean over the directions' matrices, or one merged matrix

_LOCATION = (
    "mean", "var", "skew", "kurt", "median", "min", "p10", "p90", "max", "iqr", "range", "mad",
    "rmad", "medad", "cov", "qcod",
)  # fmt: skip
_MORPHOLOGY = (
    "volume", "vol_approx", "area_mesh", "av", "comp_1", "comp_2", "sph_dispr", "sphericity",
    "asphericity", "com", "diam", "pca_maj_axis", "pca_min_axis", "pca_least_axis",
    "pca_elongation", "pca_flatness", "vol_dens_aabb", "area_dens_aabb", "vol_dens_aee",
    "area_dens_aee", "vol_dens_conv_hull", "area_dens_conv_hull", "integ_int", "moran_i", "geary_c",
)  # fmt: skip
_HISTOGRAM = (
    *_LOCATION[:9], "mode", *_LOCATION[9:], "entropy", "uniformity", "max_grad", "max_grad_g",
    "min_grad", "min_grad_g",
)  # fmt: skip
_CO_OCCURRENCE = (
    "joint_max", "joint_avg", "joint_var", "joint_entr", "diff_avg", "diff_var", "diff_entr",
    "sum_avg", "sum_var", "sum_entr", "energy", "contrast", "dissimilarity", "inv_diff",
    "inv_diff_norm", "inv_diff_mom", "inv_diff_mom_norm", "inv_var", "corr", "auto_corr",
    "clust_tend", "clust_shade", "clust_prom", "info_corr1", "info_corr2",
)  # fmt: skip
_RUNS = (
    "sre", "lre", "lgre", "hgre", "srlge", "srhge", "lrlge", "lrhge", "glnu", "glnu_norm", "rlnu",
    "rlnu_norm", "r_perc", "gl_var", "rl_var", "rl_entr",
)  # fmt: skip
_ZONES = (
    "sze", "lze", "lgze", "hgze", "szlge", "szhge", "lzlge", "lzhge", "glnu", "glnu_norm", "zsnu",
    "zsnu_norm", "z_perc", "gl_var", "zs_var", "zs_entr",
)  # fmt: skip
_DISTANCES = (
    "sde", "lde", "lgze", "hgze", "sdlge", "sdhge", "ldlge", "ldhge", "glnu", "glnu_norm", "zdnu",
    "zdnu_norm", "z_perc", "gl_var", "zd_var", "zd_entr",
)  # fmt: skip
_DEPENDENCES = (
    "lde", "hde", "lgce", "hgce", "ldlge", "ldhge", "hdlge", "hdhge", "glnu", "glnu_norm", "dcnu",
    "dcnu_norm", "dc_perc", "gl_var", "dc_var", "dc_entr", "dc_energy",
)  # fmt: skip

# Family -> prefix of its tags, the rest of them, and their ending.
_TAGS: dict[str, tuple[str, tuple[str, ...], str]] = {
    "morphology": ("morph", _MORPHOLOGY, ""),
    "intensity_statistics": ("stat", (*_LOCATION, "energy", "rms"), ""),
    "intensity_histogram": ("ih", _HISTOGRAM, ""),
    "glcm": ("cm", _CO_OCCURRENCE, "_3D_{}"),
    "glrlm": ("rlm", _RUNS, "_3D_{}"),
    "glszm": ("szm", _ZONES, "_3D"),
    "ngtdm": ("ngt", ("coarseness", "contrast", "busyness", "complexity", "strength"), "_3D"),
    "local_intensity": ("loc", ("peak_loc", "peak_glob"), ""),
    "ivh": ("ivh", ("v10", "v90", "i10", "i90", "diff_v10_v90", "diff_i10_i90"), ""),
    "gldzm": ("dzm", _DISTANCES, "_3D"),
    "ngldm": ("ngl", _DEPENDENCES, "_3D"),
}
# What the table recomputed_features offers; the others are computed for the engine's test alone.
FAMILIES = tuple(_TAGS)[:7]
ALL_FAMILIES = tuple(_TAGS)
# The morphology that weighs voxels by their intensity.
NEEDS_IMAGE = frozenset({"morph_com", "morph_integ_int", "morph_moran_i", "morph_geary_c"})


def list_names(family: str, aggregation: Aggregation = "comb") -> tuple[str, ...]:
    """Return the features of a family, in the order of the reference values."""
    prefix, names, ending = _TAGS[family]
    return tuple(f"{prefix}_{name}{ending.format(aggregation)}" for name in names)


def needs_image(feature: str) -> bool:
    """Return whether a feature takes more than a mask."""
    return not feature.startswith("morph_") or feature in NEEDS_IMAGE
