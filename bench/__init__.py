"""Measurements, and runs that look for trouble for as long as one likes: `python -m bench.NAME`."""
