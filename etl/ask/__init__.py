"""Questions about a project: what differs, why, what is damaged, what is stale, the card."""
