-- Volumes: the tumour volumes of every case beside each other (cm3), largest first
select
    case_id,
    ftv_cm3,
    stv_manual_cm3,
    stv_resunet_cm3,
    published_cm3,
    resunet_to_manual_ratio,
    published_to_manual_ratio,
    stv_manual_largest_component_max_diameter_mm,
    mri_ld_baseline_mm
from volumes
order by stv_manual_cm3 desc nulls last, case_id asc
