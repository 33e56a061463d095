"""One file per peer: its shortest honest serving code, run by the Python of its own environment."""
