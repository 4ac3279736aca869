"""What the views of the schema `diff` and their columns mean."""

from __future__ import annotations

GRAIN = "One row per changed cell; of an added or removed row, one row per column"
GRAIN_OF_PARTS = "One row per case whose rows differ"
GRAINS = {
    "changes": "One row per changed cell, or added or removed row",
    "columns": "One row per column that was added, removed or retyped",
    "mask_volumes": "One row per mask that was added, removed or changed in volume or voxels",
    "blob_changes": "One row per file that was added, removed, moved or has other bytes",
}
KEY_COLUMN = "Key of the row"
MEANINGS = {
    "table": "Table",
    "case_id": "The case, where the row is about one",
    "key": "Key of the row, as JSON",
    "mask": "Mask set",
    "change": "added, removed or changed; of columns retyped; of files content, packaging only "
    "(equal when unpacked) or moved",
    "column": "The column; null for a row that was added or removed as a whole",
    "kind": "value, coverage (there or not, known or not) or blob (where the row comes from)",
    "old": "Value in the old version, as text that reads back exactly",
    "new": "Value in the new version, as text that reads back exactly",
    "difference": "New less old; days for dates",
    "spread": "Spread of the column in the old version among rows of the same kind",
    "unusual": "Size of the change against the spread of its column",
    "n_old": "Rows of the case in the old version",
    "n_new": "Rows of the case in the new version",
    "n_added": "Rows that the old version lacks",
    "n_removed": "Rows that the new version lacks",
    "n_changed": "Rows of both that differ in a column of both",
    "old_type": "Type in the old version",
    "new_type": "Type in the new version",
    "old_cm3": "Volume in the old version [cm3]",
    "new_cm3": "Volume in the new version [cm3]",
    "difference_cm3": "New less old volume [cm3]",
    "difference_percent": "Difference over the old volume [percent]",
    "path": "Path inside the release, of the new version where it has the file",
    "artefact": "What the file is",
    "old_path": "Path in the old version",
    "old_md5": "MD5 of the blob in the old version",
    "old_bytes": "Length of the blob in the old version [bytes]",
    "new_path": "Path in the new version",
    "new_md5": "MD5 of the blob in the new version",
    "new_bytes": "Length of the blob in the new version [bytes]",
}
