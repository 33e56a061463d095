"""Blocks that run models of the fleet."""
