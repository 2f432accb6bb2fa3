"""Benchmarks: `python -m bench`, or one of them by its name."""
