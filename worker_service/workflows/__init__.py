"""Workflow runs as jobs of this worker."""
