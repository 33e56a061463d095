"""Images per second over HTTP beside a plain onnxruntime loop: ``python -m bench.efficiency``."""
