"""Where results go, one file per kind; the contract is ``stream_service/sink.py``."""
