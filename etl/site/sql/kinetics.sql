-- Uptake of contrast inside each mask, by the images whose phases share one scale.
select * exclude (mask_blob_md5, image_blob_md5s, inputs_md5)  -- noqa: AM04
from kinetics
where image_set = '{normalized}'
order by case_id, mask
