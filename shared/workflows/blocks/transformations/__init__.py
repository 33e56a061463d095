"""Blocks that cut, move and filter."""
