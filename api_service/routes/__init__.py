"""One file per resource; the contract is ``api_service/route.py``."""
