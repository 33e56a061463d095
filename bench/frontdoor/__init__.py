"""No-op requests through the whole system, beside a bare aiohttp handler: ``python -m bench.frontdoor``."""
