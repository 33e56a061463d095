"""Execution providers of the CPU beside each other on the same graphs: ``python -m bench.providers``."""
