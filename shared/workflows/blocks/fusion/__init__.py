"""Blocks that bring several values together."""
