"""Blocks that act on the world."""
