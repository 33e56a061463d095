"""Workers, runs and threads on the same cores: ``python -m bench.threads``."""
