"""One file per model family; the contract is ``worker_service/engine/family.py``."""
