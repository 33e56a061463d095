"""Asking for models that no worker has: who asks, who fetches, and what came of it."""
