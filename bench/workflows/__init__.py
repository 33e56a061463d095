"""What the workflow engine costs over a script that does the same by hand. ``python -m bench.workflows``."""
