-- Citation: what to cite, with licence and attribution
with parts as (
    select
        position,
        'cite' as part,
        citation as text
    from citation
    union all
    select
        1000 as position,
        unnest(['doi', 'licence', 'attribution']) as part,
        unnest([doi, licence, attribution]) as text
    from inputs.release_info
)

select
    part,
    text
from parts
where text is not null
order by position, list_position(['cite', 'doi', 'licence', 'attribution'], part)
