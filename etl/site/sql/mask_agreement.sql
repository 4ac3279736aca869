-- How much two masks of a case agree.
select * exclude (a_blob_md5, b_blob_md5, inputs_md5)  -- noqa: AM04
from mask_agreement
order by case_id, mask_a, mask_b
