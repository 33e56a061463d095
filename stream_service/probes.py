"""Trying a new stream's sinks and sources before it is accepted, for the API."""

from __future__ import annotations

import asyncio
from typing import Any

import structlog

from shared.errors import VisionfleetError
from shared.redis import AsyncRedis, RedisError
from shared.streams.ownership import Ownership
from shared.streams.spec import PipelineSpec
from shared.streams.store import probe_answer, probe_request
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
        probe_id, spec, timeout_s = read
        try:
            answer: dict[str, Any] = {"sources": await self._try(spec, timeout_s)}
        except VisionfleetError as error:
            answer = {"error": error.to_dict()}
        except Exception:
            log.exception("probe.failed")
            answer = {"error": VisionfleetError("The sources could not be tried; the log says why.").to_dict()}
        try:
            await probe_answer(self._client, probe_id, answer)
        except (RedisError, OSError):
            log.warning("probe.unanswered")

    async def _try(self, spec: PipelineSpec, timeout_s: float) -> dict[str, Any]:
        for sink in spec.sinks:
            checked(sink, self._parts.sinks)
        for source in spec.sources:
            self._parts.processor(spec, source, "")
        found = await asyncio.gather(*(self._parts.hub.probe(source, timeout_s) for source in spec.sources))
        return {source.id: seen for source, seen in zip(spec.sources, found, strict=True)}
