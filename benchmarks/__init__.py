"""Figures and times, each from one command: `python -m benchmarks.results`, `python -m benchmarks`."""
