-- What the build found wrong. A row a table says that the table was looked at, so that a release
-- without a finding is not a frame without a row.
-- own_masks says what the table masks found about sets that the profile does not declare, and which
-- of their masks are larger than it allows.
-- grain: one row a table, and one row a finding
select
    t.item,
    'none' as severity,
    'fine' as own_masks
from declared_tables as t
union all by name
select
    concat(coalesce(findings.path, findings.table), ' (', findings.check, ')') as item,
    findings.case_id,
    findings.severity,
    case
        when findings.severity != 'warning' or findings.table != 'masks' then 'fine'
        when blobs.mask in (select declared.mask from profile_masks as declared) then 'fine'
        when blobs.mask is null then 'fine'
        else 'in doubt'
    end as own_masks,
    coalesce(nullif(split_part(findings.check, ':', 2), ''), findings.check) as known_fields,
    concat(findings.observed, ', not ', findings.expected) as shown
from findings
left join blobs on findings.path = blobs.path
union all by name
select
    concat(masks.path, ' (too large)') as item,
    masks.case_id,
    'none' as severity,
    'in doubt' as own_masks,
    concat(round(masks.volume_cm3, 1), ' cm3, not at most ', most.number) as shown
from masks
inner join profile_numbers as most on masks.volume_cm3 > most.number
where
    most.name = 'volume_cm3_max'
    and masks.mask not in (select declared.mask from profile_masks as declared)
order by case_id, item
