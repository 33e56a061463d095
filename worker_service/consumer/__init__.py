"""Takes jobs from the queue and runs them on the engine: intake -> decode and preprocess -> infer -> post -> finish."""
