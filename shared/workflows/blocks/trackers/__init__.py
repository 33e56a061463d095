"""Blocks that follow objects over frames."""
