"""Differences of two versions."""
