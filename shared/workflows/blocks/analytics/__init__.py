"""Blocks that measure over time."""
