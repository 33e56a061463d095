"""The version that ``/info`` tells; a test compares it with pyproject.toml."""

VERSION = "0.1.0"
