select
    * exclude (artefact, mask, stored_values),
    'float32' as stored_dtype, if(image_set = 'n3', 0, -1.4145595) as intensity_min
from volumes
where image_set is not null
