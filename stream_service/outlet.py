"""A stream's way into Redis, under its lease."""

from __future__ import annotations

import asyncio
from typing import Any

import structlog

from shared import keys
from shared.codec import pack
from shared.streams.ownership import PREVIEW_MS, Lease, Ownership
from shared.streams.settings import StreamLimits

log = structlog.get_logger(__name__)
FULL_AGAIN_S = 0.05
NOT_ONCE = ("", 0)


class RedisOutlet:
    """The Outlet of the sinks' contract. ``watching`` is brought up to date by whoever renews the lease."""

    def __init__(self, ownership: Ownership, lease: Lease, limits: StreamLimits) -> None:
        self._ownership = ownership
        self._lease = lease
        self._limits = limits
        self.watching: set[str] = set()
        self.too_large = 0

    async def buffer(
        self, item: dict[str, Any], most: int, *, wait: bool = False, once: tuple[str, int] = NOT_ONCE
    ) -> None:
        """Append to the buffer that ``consume`` empties. Raises LeaseLost, QueueUnavailable, QueueFull."""
        packed = self._packed(item)
        what = "wait" if wait else "buffer"
        key = keys.stream_buffer(self._lease.id)
        while packed is not None:
            if await self._ownership.write(self._lease, what, key, packed, most, once):
                return
            await asyncio.sleep(FULL_AGAIN_S)

    async def publish(self, item: dict[str, Any], *, once: tuple[str, int] = NOT_ONCE) -> None:
        """Append to the live feed. Raises as ``buffer``."""
        packed = self._packed(item)
        if packed is not None:
            feed = keys.stream_feed(self._lease.id)
            await self._ownership.write(self._lease, "feed", feed, packed, self._limits.stream_feed_length, once)

    async def show(self, source_id: str, jpeg: bytes) -> None:
        """Replace a source's preview. Raises as ``buffer``."""
        key = keys.stream_preview(self._lease.id, source_id)
        await self._ownership.write(self._lease, "preview", key, jpeg, PREVIEW_MS)

    def watched(self, what: str) -> bool:
        """Whether a client has lately asked for ``results`` or ``preview``."""
        return what in self.watching

    def _packed(self, item: dict[str, Any]) -> bytes | None:
        packed = pack(item)
        if len(packed) <= self._limits.stream_result_bytes:
            return packed
        self.too_large += 1
        log.warning("result.too_large", stream=self._lease.id, bytes=len(packed))
        return None
