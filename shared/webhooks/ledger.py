"""The durable ledger of deliveries: what is to be sent and when, what was sent, what came of it.

A delivery is one hash. The zset of due times decides who sends: claiming moves the due time behind a lease, so that a
sender that dies leaves a delivery that comes due again by itself. A sender that dies between sending and writing that
down causes one more attempt with the same ``webhook-id``: at least once, and the receiver can tell.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from shared import keys
from shared.codec import pack
from shared.errors import InvalidRequest, QueueUnavailable
from shared.redis import AsyncRedis, Call, RedisError, run_async
from shared.webhooks import scripts
from shared.webhooks.delivery import LOG_LENGTH, Delivery, DeliveryNotFound, delivery_from
from shared.webhooks.schedule import DELAYS_S, Verdict
from shared.webhooks.settings import WebhookSettings

LEASE_GRACE_S = 10.0
"""How much longer a lease lasts than a receiver may take to answer."""
GONE_S = 604_800.0
"""How long nothing is sent to a URL that answered 410."""
COLLECT = 500
SCAN = 200
MOST_SCANNED = 5_000


@dataclass(frozen=True)
class Filter:
    """Which deliveries to list; None does not filter."""

    state: str | None = None
    job: str | None = None
    event: str | None = None

    def matches(self, delivery: Delivery) -> bool:
        """Whether the delivery is one of them."""
        wanted = ((self.state, delivery.state), (self.job, delivery.job), (self.event, delivery.event))
        return all(value is None or value == found for value, found in wanted)


class Ledger:
    """Every method raises QueueUnavailable when Redis is away."""

    def __init__(self, client: AsyncRedis, settings: WebhookSettings) -> None:
        self._client = client
        self._lease_ms = int((settings.webhook_timeout_s + LEASE_GRACE_S) * 1000)
        self._retention_ms = int(settings.webhook_retention_s * 1000)

    async def collect(self) -> int:
        """Make deliveries of what the outbox holds. Returns how many entries were read."""
        # The list goes back as far as a delivery can live: all its attempts, then the retention.
        remembered_ms = self._retention_ms + int(sum(DELAYS_S) * 1500)
        found = [keys.WEBHOOK_OUTBOX, keys.WEBHOOK_DUE, keys.WEBHOOK_DELIVERIES]
        return int(await self._run(scripts.COLLECT(found, COLLECT, remembered_ms)))

    async def claim(self, most: int) -> list[Delivery]:
        """Lease up to ``most`` deliveries that are due; they are this caller's until the lease ends."""
        token = secrets.token_hex(8)
        rows = await self._run(scripts.CLAIM([keys.WEBHOOK_DUE], most, self._lease_ms, token, self._retention_ms))
        return [delivery_from(name.decode(), flat) for name, flat in rows]

    async def settle(self, delivery: Delivery, verdict: Verdict, entry: dict[str, Any], body: bytes) -> bool:
        """Write down an attempt. False when the lease had ended and somebody else has claimed the delivery."""
        mark, mark_s = "", 0.0
        if verdict.state == "disabled":
            mark, mark_s = "gone", GONE_S
        elif verdict.hold_s > 0:
            mark, mark_s = "hold", verdict.hold_s
        log = pack([*delivery.log, entry][-LOG_LENGTH:])
        return bool(
            await self._run(
                scripts.SETTLE(
                    [keys.webhook_delivery(delivery.id), keys.WEBHOOK_DUE],
                    *(delivery.id, delivery.claim, verdict.state, int(verdict.delay_s * 1000)),
                    *(mark, int(mark_s * 1000), self._retention_ms, "log", log, "body", body),
                )
            )
        )

    async def defer(self, delivery: Delivery, seconds: float) -> None:
        """Give a claimed delivery back unsent."""
        found = [keys.webhook_delivery(delivery.id), keys.WEBHOOK_DUE]
        await self._run(scripts.DEFER(found, delivery.id, delivery.claim, int(seconds * 1000)))

    async def get(self, delivery_id: str) -> Delivery:
        """One delivery. Raises DeliveryNotFound."""
        (found,) = await self._load([delivery_id])
        if found is None:
            raise DeliveryNotFound("There is no webhook delivery with this id, or it ended too long ago to be kept.")
        return found

    async def replay(self, delivery_id: str) -> Delivery:
        """Send a delivery again, from the first attempt of its schedule. Raises DeliveryNotFound."""
        found = [keys.webhook_delivery(delivery_id), keys.WEBHOOK_DUE]
        delivery_from(delivery_id, await self._run(scripts.REPLAY(found, delivery_id)))
        return await self.get(delivery_id)

    async def page(self, wanted: Filter, limit: int, cursor: str | None) -> tuple[list[Delivery], str | None]:
        """Up to ``limit`` deliveries, newest first, and the cursor of the next page, None at the end.

        A page may be short of ``limit`` although there are more: one call looks at a bounded number. Raises
        InvalidRequest when the cursor is none of ours.
        """
        offset = await self._offset(cursor)
        found: list[Delivery] = []
        for start in range(offset, offset + MOST_SCANNED, SCAN):
            names: Any = await self._ask(self._client.zrevrange(keys.WEBHOOK_DELIVERIES, start, start + SCAN - 1))
            ids = [name.decode() for name in names]
            for delivery_id, delivery in zip(ids, await self._load(ids), strict=True):
                if delivery is not None and wanted.matches(delivery):
                    found.append(delivery)
                if len(found) == limit:
                    return found, delivery_id
            if len(ids) < SCAN:
                return found, None
        return found, ids[-1]

    async def _offset(self, cursor: str | None) -> int:
        if cursor is None:
            return 0
        rank: Any = await self._ask(self._client.zrevrank(keys.WEBHOOK_DELIVERIES, cursor))
        if rank is None:
            raise InvalidRequest("The cursor is not known any more; begin again without it.")
        return int(rank) + 1

    async def _load(self, ids: list[str]) -> list[Delivery | None]:
        if not ids:
            return []
        pipe: Any = self._client.pipeline(transaction=False)
        for delivery_id in ids:
            pipe.hgetall(keys.webhook_delivery(delivery_id)).zscore(keys.WEBHOOK_DUE, delivery_id)
        answers = await self._ask(pipe.execute())
        return [
            delivery_from(delivery_id, fields, due) if fields else None
            for delivery_id, fields, due in zip(ids, answers[::2], answers[1::2], strict=True)
        ]

    async def _run(self, call: Call) -> Any:
        (answer,) = await self._ask(run_async(self._client, [call]))
        if isinstance(answer, RedisError):
            raise QueueUnavailable("The webhooks' ledger cannot be written; try again in a moment.") from answer
        return answer

    async def _ask(self, question: Any) -> Any:
        try:
            return await question
        except (RedisError, OSError) as error:
            raise QueueUnavailable("The webhooks' ledger cannot be reached; try again in a moment.") from error
