"""What to run on a machine with an NVIDIA GPU, in ten minutes: ``python -m bench.gpu``."""
