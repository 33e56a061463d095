"""Trying a new stream's sinks and sources before it is accepted, for the API."""

from __future__ import annotations

import asyncio
from typing import Any

import structlog

from shared.errors import VisionfleetError
from shared.redis import AsyncRedis, RedisError
from shared.streams.ownership import Ownership
from shared.streams.store import ProbeRequest, probe_answer, probe_request
from stream_service.pipeline import Parts
from stream_service.sink import checked

log = structlog.get_logger(__name__)
AGAIN_S = 0.5
AT_ONCE = 16


class Probes:
    """Takes requests from the list that all stream services share."""

    def __init__(self, client: AsyncRedis, ownership: Ownership, parts: Parts) -> None:
        self._client = client
        self._ownership = ownership
        self._parts = parts
        self._running: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Answer requests until canceled."""
        while True:
            try:
                request = await self._ownership.next_probe(1)
            except VisionfleetError:
                await asyncio.sleep(AGAIN_S)
                continue
            if request is not None:
                task = asyncio.create_task(self._answer(request))
                self._running.add(task)
                task.add_done_callback(self._running.discard)
            if len(self._running) >= AT_ONCE:
                await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)

    async def _answer(self, request: bytes) -> None:
        read = probe_request(request)
        if read is None:
            return
        try:
            answer: dict[str, Any] = {"sources": await self._try(read)}
        except VisionfleetError as error:
            answer = {"error": error.to_dict()}
        except Exception:
            log.exception("probe.failed")
            answer = {"error": VisionfleetError("The sources could not be tried; the log says why.").to_dict()}
        try:
            await probe_answer(self._client, read.id, answer)
        except (RedisError, OSError):
            log.warning("probe.unanswered")

    async def _try(self, request: ProbeRequest) -> dict[str, Any]:
        for sink in request.spec.sinks:
            checked(sink, self._parts.sinks)
        for source in request.spec.sources:
            await self._parts.processor(request.spec, source, "", request.rights).prepare()
        found = await asyncio.gather(*(self._parts.hub.probe(one, request.timeout_s) for one in request.sources))
        return {source.id: seen for source, seen in zip(request.sources, found, strict=True)}
