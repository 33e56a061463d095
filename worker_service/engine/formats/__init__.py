"""Model formats, one per file; see ``worker_service/engine/format.py``."""
