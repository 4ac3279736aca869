"""Only what changed is measured again, and the result is that of a build from nothing."""
