"""Throughput of a pool from one worker to many."""
