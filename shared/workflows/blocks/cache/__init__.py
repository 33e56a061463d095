"""Blocks that remember between frames."""
