"""From a command to its first answer: ``python -m bench.startup``."""
