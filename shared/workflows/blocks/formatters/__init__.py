"""Blocks that turn values into others."""
