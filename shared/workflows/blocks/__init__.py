"""Blocks by category: one file per block, all its versions in it. The contract is ``shared/workflows/block.py``."""
