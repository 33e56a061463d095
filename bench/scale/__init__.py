"""Fleets that this machine cannot hold, simulated from service times that it can measure: python -m bench.scale."""
