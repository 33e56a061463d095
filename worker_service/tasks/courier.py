"""Sends the webhooks that are due, many at a time, until none is left."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import structlog

from shared import keys, tracing
from shared.egress import Egress, EgressFailed, EgressRefused
from shared.errors import JobNotFound, VisionfleetError
from shared.jobs import JobRecord
from shared.queue.records import record_from
from shared.redis import AsyncRedis
from shared.webhooks import payload, signature
from shared.webhooks.delivery import Delivery
from shared.webhooks.ledger import Ledger
from shared.webhooks.schedule import Verdict, judge
from shared.webhooks.secrets import SecretNotFound, SecretStore
from shared.webhooks.settings import WebhookSettings

log = structlog.get_logger(__name__)
LOOK_AGAIN_S = 0.2
CROWDED_S = 1.0
EXCERPT = 200


def parent_of(delivery: Delivery, record: JobRecord | None) -> str:
    """The traceparent of what the webhook tells of: the worker that ended the job, else the request for it."""
    if record is None:
        return ""
    ended = {} if record.result is None or delivery.event != record.state else record.result.extra
    return tracing.of(ended) or tracing.of(record.trace)


class Courier:
    """One run of one process. ``stopping`` ends it early; what has been begun is finished."""

    def __init__(self, client: AsyncRedis, settings: WebhookSettings, store: SecretStore, egress: Egress) -> None:
        self._client = client
        self._settings = settings
        self._ledger = Ledger(client, settings)
        self._secrets = store
        self._egress = egress
        self._sending: set[asyncio.Task[None]] = set()
        self._at: Counter[str] = Counter()

    async def run(self, stopping: Callable[[], bool]) -> int:
        """Send until nothing is due. Returns the number of attempts. Raises QueueUnavailable when Redis is away."""
        attempts = 0
        while not stopping():
            collected = await self._ledger.collect()
            room = self._settings.webhook_concurrency - len(self._sending)
            claimed = await self._ledger.claim(room) if room > 0 else []
            attempts += len(claimed)
            for delivery in claimed:
                self._begin(delivery)
            if not self._sending and not collected:
                return attempts
            if self._sending:
                await asyncio.wait(self._sending, timeout=LOOK_AGAIN_S, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.gather(*self._sending)
        return attempts

    def _begin(self, delivery: Delivery) -> None:
        task = asyncio.create_task(self._handle(delivery))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _handle(self, delivery: Delivery) -> None:
        """One attempt; a receiver that is busy with others of ours is asked again in a moment."""
        try:
            if self._at[delivery.url] >= self._settings.webhook_per_receiver:
                await self._ledger.defer(delivery, CROWDED_S)
                return
            self._at[delivery.url] += 1
            try:
                await self._attempt(delivery)
            finally:
                self._at[delivery.url] -= 1
        except Exception:  # the lease ends and the delivery comes due again
            log.exception("webhook.attempt_failed", delivery=delivery.id)

    async def _attempt(self, delivery: Delivery) -> None:
        record = await self._record(delivery.job)
        body = delivery.body or payload.build(delivery, record, self._settings)
        trace = {} if record is None else record.trace
        parent = parent_of(delivery, record)
        about = {"visionfleet.job": delivery.job, "visionfleet.event": delivery.event, "url.full": delivery.url}
        span = tracing.begin("webhook", parent, "client", about) if parent else None
        begun = time.monotonic()
        verdict, entry = await self._send(delivery, body, parent if span is None else span.traceparent)
        entry |= {"at_ms": int(time.time() * 1000), "ms": int((time.monotonic() - begun) * 1000)}
        if span is not None:
            span.end({"http.response.status_code": entry["status"] or 0}, str(entry["error"] or ""))
        counted = await self._ledger.settle(delivery, verdict, entry, body)
        names = {"delivery": delivery.id, "job": delivery.job, **trace}
        log.info("webhook.sent", **names, state=verdict.state, counted=counted, **entry)

    async def _send(self, delivery: Delivery, body: bytes, parent: str) -> tuple[Verdict, dict[str, Any]]:
        attempt = delivery.attempts + 1
        try:
            signing = await self._secrets.signing_keys(delivery.secret_id)
            headers = signature.headers(signing, delivery.id, int(time.time()), body)
            headers |= {"Content-Type": "application/json"} | ({"traceparent": parent} if parent else {})
            answer = await self._egress.post(delivery.url, body, headers)
        except (SecretNotFound, EgressRefused) as refused:  # no attempt will ever go better
            return Verdict("failed"), {"status": None, "error": refused.message}
        except (EgressFailed, VisionfleetError) as failed:
            return judge(attempt, None, None), {"status": None, "error": failed.message}
        verdict = judge(attempt, answer.status, answer.headers.get("Retry-After"))
        error = None if verdict.state == "delivered" else answer.excerpt[:EXCERPT].decode(errors="replace")
        return verdict, {"status": answer.status, "error": error}

    async def _record(self, job_id: str) -> JobRecord | None:
        try:
            fields: Any = await self._client.hgetall(keys.job(job_id))
            return record_from(job_id, fields)
        except JobNotFound:
            return None
