"""Visionfleet beside other ways to serve the same model: python -m bench.peers."""
