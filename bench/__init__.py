"""Figures about the system, each next to a baseline measured in the same run. See docs/benchmarks.md."""
