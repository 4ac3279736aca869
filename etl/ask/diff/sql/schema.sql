create schema {{ schema }};
{% for pair in tables if not pair.problem %}
{% include "view_parts.sql" if pair.has_parts else "view_cells.sql" %}
;
{% endfor %}
{% include "view_columns.sql" %}
;
{% set masks, blobs = tables_by_name.get("masks"), tables_by_name.get("blobs") %}
{% if masks and not masks.problem %}
{% include "view_mask_volumes.sql" %}
;
{% endif %}
{% if blobs and blobs.old and blobs.new and not blobs.problem %}
{% include "view_blob_changes.sql" %}
;
{% endif %}
