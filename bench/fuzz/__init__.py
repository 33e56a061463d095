"""Fuzzing: hostile bytes and definitions against every reader, hostile requests against the whole API."""
