"""API keys as one replica of the API knows them: a copy of all, a look at Redis twice a second for changes.

A key that is revoked anywhere stops working here within that time. While Redis is away the copy stands; before it was
read for the first time nobody is let in.
"""

from __future__ import annotations

import asyncio
import hmac
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import structlog

from shared import keys
from shared.access import scripts
from shared.access.key import ApiKey
from shared.access.store import KeyStore
from shared.access.token import digest_of, id_of
from shared.errors import QueueUnavailable
from shared.redis import Call

log = structlog.get_logger(__name__)
LOOK_EVERY_S = 0.5
LOOK_AGAIN_S = 0.02
"""Unknown keys make it look at most this often, so that a flood of them costs Redis little."""
LEASE_MS = 600_000
"""How long a request counts as under way whose replica died; longer ones stop to count."""
NOBODY = digest_of("")


@dataclass(frozen=True)
class Verdict:
    """Whether a request may begin, and what is left of the key's rate. ``refused``: "", "rate" or "busy"."""

    refused: str
    left: int
    retry_ms: int
    full_ms: int


class KeyGate:
    """Finds keys and holds them to their limits. ``run`` sends one script to Redis and returns its answer."""

    def __init__(self, store: KeyStore, run: Callable[[Call], Awaitable[Any]]) -> None:
        self._store = store
        self._run = run
        self._table: dict[str, ApiKey] | None = None
        self._version = -1
        self._looked = float("-inf")
        self._one_look = asyncio.Lock()
        self._next: asyncio.Task[None] | None = None
        self._uses: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
        self._looking: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Read all keys, if Redis answers, and go on looking."""
        await self._look()
        self._looking = asyncio.create_task(self._keep_looking())

    async def close(self) -> None:
        """Stop, after writing down what was counted."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
        if self._next is not None:
            await asyncio.shield(self._next)
        await self._look()

    @property
    def exist(self) -> bool:
        """Whether there is any key, or was any while this process lived. Raises QueueUnavailable when nobody knows."""
        if self._table is None:
            raise QueueUnavailable("The API keys cannot be read yet; try again in a moment.")
        return bool(self._table)

    def find(self, token: str) -> ApiKey | None:
        """The key, when it works now. Takes the same time whatever is wrong with it."""
        key = (self._table or {}).get(id_of(token) or "")
        right = hmac.compare_digest(digest_of(token), NOBODY if key is None else key.digest)
        return key if key is not None and right and key.state() == "active" else None

    async def search(self, token: str) -> ApiKey | None:
        """As ``find``; looks for a key that is not known, which any replica may have made just now."""
        key = self.find(token)
        if key is None and id_of(token):
            if self._next is None:
                self._next = asyncio.create_task(self._look_soon())
            await asyncio.shield(self._next)
            key = self.find(token)
        return key

    async def admit(self, key: ApiKey, request_id: str) -> Verdict | None:
        """Whether one more request may begin; None for a key without limits."""
        limits = key.limits
        if limits.rate is None and limits.concurrency is None:
            return None
        names = [keys.key_bucket(key.id), keys.key_flights(key.id)]
        arguments = (limits.rate or 0, limits.capacity, limits.concurrency or 0, request_id, LEASE_MS)
        verdict, left, retry_ms, full_ms = await self._run(scripts.ADMIT(names, *arguments))
        return Verdict("" if verdict == b"ok" else verdict.decode(), left, retry_ms, full_ms)

    async def release(self, key: ApiKey, request_id: str) -> None:
        """The request is over."""
        if key.limits.concurrency is not None:
            await self._store.release(key.id, request_id)

    def count(self, key_id: str, *, refused: bool) -> None:
        """Note one request; written to Redis at the next look."""
        self._uses[key_id][refused] += 1

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await self._look()

    async def _look_soon(self) -> None:
        """One look for all who ask until it begins: who asks later gets the next one, for the key may be newer."""
        await asyncio.sleep(self._looked + LOOK_AGAIN_S - time.monotonic())
        self._next = None
        await self._look()

    async def _look(self) -> None:
        async with self._one_look:
            self._looked = time.monotonic()
            await self._read()

    async def _read(self) -> None:
        try:
            version = await self._store.version()
            if version != self._version or self._table is None:
                table = await self._store.table()
                # Keys that are gone without a revocation were lost with Redis's data: nothing opens by that.
                lost = {name: key for name, key in (self._table or {}).items() if name not in table}
                self._table = {**{name: _ended(key) for name, key in lost.items()}, **table}
                self._version = version
            await self._write_down()
        except QueueUnavailable:
            log.debug("keys.unreachable")
        except Exception:
            log.exception("keys.not_read")

    async def _write_down(self) -> None:
        """Add what was counted since the last time to Redis; kept for the next time when it is away."""
        uses, self._uses = self._uses, defaultdict(lambda: [0, 0])
        if not uses:
            return
        try:
            await self._store.count({name: (passed, refused) for name, (passed, refused) in uses.items()})
        except QueueUnavailable:
            for name, (passed, refused) in uses.items():
                self._uses[name][0] += passed
                self._uses[name][1] += refused
            raise


def _ended(key: ApiKey) -> ApiKey:
    return key if key.revoked_ms is not None else ApiKey(**{**vars(key), "revoked_ms": 0})
