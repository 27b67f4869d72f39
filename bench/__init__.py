"""Measurements: counts, and ratios against a reference in the same run. `python -m bench` runs them all."""
