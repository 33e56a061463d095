"""Batches: many images behind one request, split into jobs of the bulk lane by a worker."""
