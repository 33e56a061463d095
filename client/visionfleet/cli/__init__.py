"""The command ``visionfleet``: one file per group of commands."""
