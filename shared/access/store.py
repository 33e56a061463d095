"""API keys in Redis: made, listed, revoked, counted."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from shared import keys
from shared.access import scripts
from shared.access.key import ALLOWANCES, ApiKey, Limits, dump, load
from shared.access.token import new_token
from shared.errors import InvalidRequest, NotFound, QueueUnavailable
from shared.redis import AsyncRedis, RedisError, run_async


class KeyNotFound(NotFound):
    """There is no API key with this id."""

    code = "key_not_found"


@dataclass(frozen=True)
class Wanted:
    """What a new key is to be. ``expires_in_s`` None means never; ``owner`` "" means the key itself."""

    name: str
    scopes: Sequence[str]
    owner: str = ""
    expires_in_s: float | None = None
    models: Sequence[str] = ()
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True)
class Usage:
    """What a key was used for: requests let through, requests refused (limits, scopes), and when it was used last."""

    requests: int = 0
    refused: int = 0
    last_ms: int | None = None


class KeyStore:
    """Every method raises QueueUnavailable when Redis is away."""

    def __init__(self, client: AsyncRedis) -> None:
        self._client = client

    async def create(self, wanted: Wanted) -> tuple[ApiKey, str]:
        """A new key, and its text, which is shown this once. Raises InvalidRequest for an unknown scope."""
        unknown = sorted(set(wanted.scopes) - set(ALLOWANCES))
        if unknown or not wanted.scopes:
            raise InvalidRequest(f"A key has scopes, each one of {', '.join(ALLOWANCES)}.")
        token, now = new_token(), _now_ms()
        key = ApiKey(
            id=token.id,
            digest=token.digest,
            name=wanted.name,
            scopes=tuple(name for name in ALLOWANCES if name in wanted.scopes),
            owner=wanted.owner or token.id,
            created_ms=now,
            expires_ms=None if wanted.expires_in_s is None else now + int(wanted.expires_in_s * 1000),
            models=tuple(wanted.models),
            limits=wanted.limits,
        )
        await self._change(key, b"")
        return key, token.text

    async def all(self) -> list[ApiKey]:
        """All keys, those revoked and expired too, oldest first."""
        return sorted((await self.table()).values(), key=lambda key: (key.created_ms, key.id))

    async def table(self) -> dict[str, ApiKey]:
        """All keys by id. A record that cannot be read is left out: it opens nothing."""
        found: Any = await self._ask(self._client.hgetall(keys.KEYS))
        table: dict[str, ApiKey] = {}
        for name, packed in found.items():
            try:
                key = load(name.decode(), packed)
            except ValueError:
                continue
            table[key.id] = key
        return table

    async def version(self) -> int:
        """Grows with every change of a key."""
        found: Any = await self._ask(self._client.get(keys.KEYS_VERSION))
        return int(found or 0)

    async def get(self, key_id: str) -> ApiKey:
        """One key. Raises KeyNotFound."""
        return (await self._read(key_id))[1]

    async def revoke(self, key_id: str) -> ApiKey:
        """End a key, now and on every replica within a second; it stays in the list. Raises KeyNotFound."""
        while True:
            packed, key = await self._read(key_id)
            if key.revoked_ms is not None:
                return key
            ended = replace(key, revoked_ms=_now_ms())
            if await self._change(ended, packed):
                return ended

    async def usage(self, key_id: str) -> Usage:
        """What it was used for so far; a replica's latest second may be missing."""
        found: Any = await self._ask(self._client.hgetall(keys.key_usage(key_id)))
        counts = {name.decode(errors="replace"): int(value) for name, value in found.items() if value.isdigit()}
        return Usage(counts.get("requests", 0), counts.get("refused", 0), counts.get("last_ms"))

    async def count(self, uses: Mapping[str, tuple[int, int]]) -> None:
        """Add requests and refusals of several keys."""
        pipe: Any = self._client.pipeline(transaction=False)
        for key_id, (requests, refused) in uses.items():
            name = keys.key_usage(key_id)
            pipe.hincrby(name, "requests", requests).hincrby(name, "refused", refused).hset(name, "last_ms", _now_ms())
        await self._ask(pipe.execute())

    async def release(self, key_id: str, request_id: str) -> None:
        """A request of this key is over."""
        await self._ask(self._client.zrem(keys.key_flights(key_id), request_id))

    async def _read(self, key_id: str) -> tuple[bytes, ApiKey]:
        packed: Any = await self._ask(self._client.hget(keys.KEYS, key_id))
        if packed is None:
            raise KeyNotFound("There is no API key with this id.")
        try:
            return packed, load(key_id, packed)
        except ValueError:
            raise KeyNotFound("The record of this API key cannot be read.") from None

    async def _change(self, key: ApiKey, before: bytes) -> bool:
        share = "" if key.limits.queue_share is None else key.limits.queue_share
        names = [keys.KEYS, keys.KEYS_VERSION, keys.QUOTAS]
        call = scripts.CHANGE(names, key.id, before, dump(key), key.owner, share)
        (answer,) = await self._ask(run_async(self._client, [call]))
        if isinstance(answer, RedisError):
            raise QueueUnavailable("The API keys cannot be written; try again in a moment.") from answer
        return bool(answer)

    async def _ask(self, question: Any) -> Any:
        try:
            return await question
        except (RedisError, OSError) as error:
            raise QueueUnavailable("The API keys cannot be reached; try again in a moment.") from error


def _now_ms() -> int:
    return int(time.time() * 1000)
