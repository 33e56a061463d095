"""Workflows: definitions of connected blocks, compiled once and run anywhere. See docs/workflows.md.

``compiler`` turns a definition into a plan, ``executor`` runs a plan, ``blocks`` has one file per block.
"""
