"""From blobs to tables: what is stale, the pass, what is kept."""
