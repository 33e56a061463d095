"""Results as webhooks, through the ledger that the jobs' webhooks use: signed, retried, listed, replayable."""

from __future__ import annotations

import json
from typing import Any

from pydantic import Field
from typing_extensions import override

from shared.egress import check
from shared.errors import SinkUnavailable
from shared.redis import AsyncRedis, connect_async
from shared.webhooks.posting import Post, post
from shared.webhooks.settings import WebhookSettings
from stream_service.answers import WHEN, Gate, GateOptions, When, to_json
from stream_service.frame import FrameResult
from stream_service.sink import Sink

EVENT = "stream.result"


class WebhookOptions(GateOptions):
    """Where to, and how often."""

    url: str = Field(max_length=2048, description="The receiver, under the same rules as the webhooks of jobs.")
    secret_id: str = Field(default="", max_length=100, pattern=r"^[A-Za-z0-9_-]*$", description="Signs the webhooks.")
    when: When = Field(default="changed", description=WHEN)
    interval_s: float = Field(
        default=1.0, ge=0.1, le=86_400, description="Seconds at least between two webhooks of a source."
    )


class WebhookSink(Sink):
    """Once it is in the ledger, a webhook survives the death of anything; the workers send it."""

    NAME = "webhook"
    Options = WebhookOptions
    _client: AsyncRedis | None = None

    @override
    async def open(self) -> None:
        self._settings = WebhookSettings()
        self._gate = Gate(self.options)
        check(self.options.url, self._settings.policy)
        self._client = connect_async(self.context.settings)

    @override
    async def write(self, result: FrameResult) -> None:
        if self._client is None or not self._gate.passes(result):
            return
        frame = result.frame
        number = f"{result.pipeline_id}_{frame.source_index}_{result.epoch}_{result.sequence}"
        message = Post(
            f"msg_{number}", result.pipeline_id, EVENT, self.options.url, self._body(result), self.options.secret_id
        )
        if not await post(self._client, message, self._settings.webhook_stream_waiting):
            raise SinkUnavailable("Too many webhooks are waiting already; this one is left out.")

    def _body(self, result: FrameResult) -> bytes:
        """{type, timestamp, data}, as Standard Webhooks recommends; an answer over the limit stays outside."""
        data: dict[str, Any] = result.to_dict()
        message = {"type": EVENT, "timestamp": result.captured_iso, "data": data}
        body = to_json(message)
        if len(body) <= self._settings.webhook_inline_bytes:
            return body
        data.pop("output", None)
        return json.dumps({**message, "data": {**data, "counts": self._gate.counted(result)}}).encode()

    @override
    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()
            self._client = None


SINK = WebhookSink
