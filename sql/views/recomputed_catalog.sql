-- The features of recomputed_features: what each is called and what defines it.
-- The definitions are those of the image biomarker standardisation initiative (IBSI). A code is
-- permanent: it finds the definition in the reference manual.
-- grain: one row per feature
-- key: feature
-- source: IBSI reference manual (arXiv:1612.07003); names and codes as the documentation of MIRP
--   lists them (oncoray/mirp, features_names), names as in IBSI's table of reference values
-- columns:
--   position: Order of the features, from 1: IBSI's
--   feature: Name: the tag of IBSI's reference values
--   title: Name in words
--   ibsi_code: IBSI's permanent identifier of the definition
--   family: morphology, intensity_statistics, intensity_histogram, glcm, glrlm, glszm or ngtdm
--   family_code: IBSI's identifier of the family
--   aggregation: How the directions of a texture come together; null where there are none
--   aggregation_code: IBSI's identifier of the aggregation
--   unit: Unit; intensity stands for that of the image; null for a pure number
--   needs_image: It takes an image, not the mask alone
select
    position,
    feature,
    title,
    ibsi_code,
    family,
    family_code,
    aggregation,
    aggregation_code,
    unit,
    needs_image
from inputs.recomputed_catalog
