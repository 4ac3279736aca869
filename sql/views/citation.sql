-- What to cite for the release that is loaded, with licence and attribution.
-- grain: one row per citation
-- key: position
-- columns:
--   position: Order of the citations, from 1
--   citation: What to cite
--   dataset: Data set that is loaded
--   doi: Its digital object identifier
--   licence: Its licence
--   attribution: The line that every use carries
--   is_phantom: The release is synthetic and holds no patient
select
    citations.position,
    citations.citation,
    release_info.dataset,
    release_info.doi,
    release_info.licence,
    release_info.attribution,
    release_info.is_phantom
from inputs.citations as citations
cross join inputs.release_info as release_info
order by citations.position
