"""What frames come from, one file per kind; the contract is ``stream_service/source.py``."""
