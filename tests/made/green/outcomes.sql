select case_id, 'alive' as survival_status, true as pcr, 0 as rcb_class from cases
