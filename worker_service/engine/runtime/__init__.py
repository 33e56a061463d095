"""ONNX Runtime behind a small surface: hardware profiles, threads, sessions and batches."""
