"""Faults made on purpose: each must end in the right finding and exit code."""
