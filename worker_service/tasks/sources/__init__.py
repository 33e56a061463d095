"""Where a batch's images come from, one file per kind; the contract is ``source.py``."""
