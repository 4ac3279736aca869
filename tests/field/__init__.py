"""Inputs of the kinds that people report in public."""
