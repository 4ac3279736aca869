-- Citation: what to cite, with licence and attribution
select
    citation,
    doi,
    licence,
    attribution
from citation
