"""Vision functions that blocks stand on: numpy arrays in, numpy arrays out; they know nothing of the engine."""
