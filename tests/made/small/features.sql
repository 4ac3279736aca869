-- Three features of four cases; one value is null.
select
    'ISPY1_' || number as case_id, feature,
    if(number = 9003 and position = 1, null, number + position - 0.5) as value
from feature_catalog, (values (9001), (9002), (9003), (9005)) as cases (number)
