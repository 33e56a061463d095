"""A large batch beside live requests: ``python -m bench.batches``."""
