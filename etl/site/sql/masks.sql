-- What is measured of each mask; how its file is stored is in the lineage.
select
    * exclude (  -- noqa: AM04
        voxel_digest,
        blob_md5,
        content_crc32,
        content_bytes,
        size_bytes,
        affine,
        qform_code,
        sform_code,
        scl_slope,
        scl_inter,
        xyzt_units,
        extension_bytes
    )
from masks
order by case_id, mask
