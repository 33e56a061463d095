"""What an API key is and what it allows."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Literal, get_args

from shared.codec import pack, unpack

Allowance = Literal["infer", "jobs", "models", "streams", "admin"]
Scope = Literal["", "public", "optional", "any", "infer", "jobs", "models", "streams", "admin"]
"""What a route asks for: an allowance, ``any`` for any valid key, ``public`` for no key at all, ``optional`` for what
shows nothing to those without one, "" for not declared."""
ALLOWANCES: tuple[str, ...] = get_args(Allowance)


@dataclass(frozen=True)
class Limits:
    """How much one key may do; None is no limit.

    Attributes:
        rate: requests per second, on average.
        burst: requests at once before ``rate`` holds; without it one second's worth.
        concurrency: requests being answered at the same time, on all replicas together.
        queue_share: share of a queue's depth (VISIONFLEET_MAX_QUEUE_DEPTH) that its jobs may take, over all queues.
    """

    rate: float | None = None
    burst: int | None = None
    concurrency: int | None = None
    queue_share: float | None = None

    @property
    def capacity(self) -> int:
        """Size of the token bucket."""
        return self.burst or max(1, int(self.rate or 1))


@dataclass(frozen=True)
class ApiKey:
    """One key as it is stored: never the key itself, only its SHA-256.

    ``owner`` is whose jobs its jobs are; keys that share one see each other's. ``models`` are patterns of the model ids
    that it may use, all without any. Times are milliseconds since the epoch.
    """

    id: str
    digest: str
    name: str
    scopes: tuple[str, ...]
    owner: str
    created_ms: int
    expires_ms: int | None = None
    revoked_ms: int | None = None
    models: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)

    def state(self, now_ms: int | None = None) -> Literal["active", "expired", "revoked"]:
        """Whether it works now."""
        if self.revoked_ms is not None:
            return "revoked"
        if self.expires_ms is not None and self.expires_ms <= (_now_ms() if now_ms is None else now_ms):
            return "expired"
        return "active"

    def allows(self, scope: Scope) -> bool:
        """Whether it opens a route of that scope. ``admin`` opens all; what is not declared asks for ``admin``."""
        return scope in {"public", "optional", "any"} or scope in self.scopes or "admin" in self.scopes

    def sees(self, model_id: str) -> bool:
        """Whether it may use the model."""
        return not self.models or any(fnmatchcase(model_id, pattern) for pattern in self.models)


def dump(key: ApiKey) -> bytes:
    """The key as Redis holds it, without its id."""
    return pack({**vars(key), "limits": vars(key.limits)})


def load(key_id: str, packed: bytes) -> ApiKey:
    """What ``dump`` wrote. Raises ValueError when it is forged."""
    try:
        fields: dict[str, Any] = unpack(packed)
        limits = Limits(**fields.pop("limits"))
        for name in ("scopes", "models"):
            fields[name] = tuple(str(part) for part in fields[name])
        return ApiKey(**{**fields, "id": key_id, "limits": limits})
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError("not a record of an API key") from error


def _now_ms() -> int:
    return int(time.time() * 1000)
