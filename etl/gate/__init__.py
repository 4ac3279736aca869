"""From SQL to a verdict: frames, contracts, reports."""
