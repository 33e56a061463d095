"""Blocks that hand secrets to other steps."""
