select *, 'T1' as modality, 'E' as roi, string_split(feature, '_')[-1] as statistic
from (values
    (1, 'T1_E_Intensity_Mean', 'Intensity'),
    (2, 'T1_E_Volumetric_Pixels', 'Volumetric'),
    (3, 'T1_E_Volumetric_Volume', 'Volumetric')
) as names (position, feature, family)
