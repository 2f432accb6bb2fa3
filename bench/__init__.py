"""Benchmarks: what the service costs beside what others do with the same load, in the same run."""
