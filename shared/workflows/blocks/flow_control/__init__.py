"""Blocks that decide which steps go on."""
