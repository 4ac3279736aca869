-- A broken contract and one that holds.
from (values
    ('masks', 'False', 'every case has an FTV mask', 'warning', false, ['ISPY1_9003', 'ISPY1_9004']),
    ('masks', 'True', 'every case has an FTV mask', 'warning', true, [])
) as contracts (suite, expectation_id, expectation, severity, success, failing_cases)
