"""What ``shared/egress.py`` may call. Settings say it, and importing those must not take an HTTP library along."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Proxy:
    """An HTTP proxy, which may have a user and password in its URL. ``resolves``: it looks names up."""

    url: str = field(repr=False)
    resolves: bool = False


@dataclass(frozen=True)
class EgressPolicy:
    """What may be called. ``allow_private`` lifts the rule about addresses only; ``ports`` None means any.

    ``connections`` are open at the same time at most, 0 for no limit.
    """

    schemes: frozenset[str] = frozenset({"https"})
    ports: frozenset[int] | None = frozenset({80, 443})
    allow_private: bool = False
    max_bytes: int = 32 * 2**20
    max_redirects: int = 3
    timeout_s: float = 15.0
    connections: int = 64
    proxy: Proxy | None = None
