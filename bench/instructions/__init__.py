"""Instructions per request and per job, counted by valgrind: ``python -m bench.instructions``."""
