"""Blocks that see without models."""
