"""Git and DVC: revisions, hashes, pipeline runs, remotes."""
