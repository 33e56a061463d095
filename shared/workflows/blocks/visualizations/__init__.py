"""Blocks that draw."""
