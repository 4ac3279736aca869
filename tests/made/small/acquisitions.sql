-- Two studies a subject, a month apart: an image of the scanner, a segmentation, a report.
-- 9002's baseline has more images of a workstation than of the scanner.
select
    case_id, study_index, study_index = 1 as is_baseline,
    format('2.25.{}.{}', case_id[-4:], study_index) as study_instance_uid,
    format('{}.{}', study_instance_uid, number) as series_instance_uid,
    make_date(1985, study_index, 1) as study_date, 50 as age_years,
    if(kind[:3] = 'MPR', 'MR', kind) as modality, kind = 'MR' as has_scanner,
    if(kind = 'SR', 'PixelMed', vendor) as manufacturer,
    if(kind[:3] = 'MPR', 'NUMARIS/4 3D', scanner) as model,
    if(kind = 'SEG', threshold, null) as pe_threshold_percent,
    10 as instance_count, 1.5 as size_mb, 'CC0 1.0' as licence
from
    (values
        ('ISPY1_9001', 'GE', 'GENESIS_SIGNA', 70),
        ('ISPY1_9002', 'Siemens', 'Sonata', 90),
        ('ISPY1_9003', 'Philips', 'Intera', 100),
        ('ISPY1_9050', 'GE', 'GENESIS_SIGNA', 140),
        ('ISPY1_9060', 'GE', 'SIGNA EXCITE', null)
    ) as scanners (case_id, vendor, scanner, threshold),
    (values (1), (2)) as studies (study_index),
    (values (0, 'MR'), (1, 'SEG'), (2, 'SR'), (3, 'MPR 1'), (4, 'MPR 2')) as kinds (number, kind)
where number < 3 or (case_id, study_index) = ('ISPY1_9002', 1)
