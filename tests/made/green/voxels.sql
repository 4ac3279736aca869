-- 6,250 voxels per case in five blocks; each mask holds four of them. Of the 1,250 of a block 25
-- have no signal, 225 a PE of 50 %, and 1,000 enhance: 250 by 80 %, 60 by 95 %, 190 by 120 % and
-- 500 by 180 %. Of these, 400 have a SER of 0.8, 300 of 1, 290 of 1.2, and 10 fall below S0.
with numbered as (
    select n, n // 1250 as block, n % 1250 as place from range(6250) as numbers (n)
),
curves as (
    select
        *, if(place < 25, 0, 100) as s0,
        case when place < 250 then 50 when place < 500 then 80 when place < 560 then 95
            when place < 750 then 120 else 180 end as pe,
        case when place < 650 then 0.8 when place < 950 then 1 when place < 1240 then 1.2
            else -9 end as ser
    from numbered
)
select
    case_id, i, n // 100 as j, n % 100 as k, s0::float as z0, (100 + pe)::float as z1,
    (100 + pe / ser)::float as z2, block < 4 as in_ftv, block < 4 as in_stv_manual,
    block > 0 as in_stv_resunet, 2 * (block < 4)::int + (block > 0)::int as n_masks,
    1 as distance_mm
from curves, (values ('ISPY1_9001', 40), ('ISPY1_9002', -60)) as release (case_id, i)
