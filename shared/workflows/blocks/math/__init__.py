"""Blocks that calculate."""
