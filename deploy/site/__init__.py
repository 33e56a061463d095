"""The documentation site: what ``mkdocs build`` needs beside ``docs/``."""
