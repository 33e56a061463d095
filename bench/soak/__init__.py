"""Whether memory stays flat over many requests: ``python -m bench.soak``."""
