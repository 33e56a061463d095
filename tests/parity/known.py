"""Differences from references that are known and not yet repaired: case -> what and why."""

DIFFERENT: dict[str, str] = {}
