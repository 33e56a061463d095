"""Collecting pictures that are worth labelling: which ones, how many, into which batch, and where they go."""
