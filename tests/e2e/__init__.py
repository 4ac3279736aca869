"""The pipeline end to end, through make and DVC, in temporary clones."""
