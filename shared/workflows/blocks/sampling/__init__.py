"""Blocks that take some and leave others."""
