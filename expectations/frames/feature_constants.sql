-- Features that have one value in all cases, against those that the profile says are constant.
-- grain: one row a published feature
with declared as (
    select word as feature
    from profile_words
    where name = 'constant_features'
)

select
    listed.feature as item,
    null::varchar as case_id,
    case
        when listed.is_constant is null then 'one case'
        when listed.is_constant = (declared.feature is not null) then 'as declared'
        when listed.is_constant then 'constant, but not declared'
        else 'varies, but declared constant'
    end as constancy
from feature_catalog as listed
left join declared on listed.feature = declared.feature
order by item
