"""Webhooks that belong to no job: their body is ready when they are put into the ledger."""

from __future__ import annotations

from dataclasses import dataclass

from shared import keys
from shared.errors import QueueUnavailable
from shared.redis import AsyncRedis, RedisError, run_async
from shared.webhooks import scripts


@dataclass(frozen=True)
class Post:
    """What to send. ``id`` makes it one delivery however often it is posted; ``subject`` is what it tells of."""

    id: str
    subject: str
    event: str
    url: str
    body: bytes
    secret_id: str = ""


async def post(client: AsyncRedis, message: Post, most_waiting: int) -> bool:
    """Put it into the ledger; False when so many are waiting already. Raises QueueUnavailable."""
    found = [keys.webhook_delivery(message.id), keys.WEBHOOK_DUE, keys.WEBHOOK_DELIVERIES]
    call = scripts.POST(
        found,
        *(message.id, message.subject, message.event, message.url, message.secret_id, message.body, most_waiting),
    )
    try:
        (answer,) = await run_async(client, [call])
    except (RedisError, OSError) as error:
        raise QueueUnavailable("The webhooks' ledger cannot be reached; try again in a moment.") from error
    if isinstance(answer, RedisError):
        raise QueueUnavailable("The webhooks' ledger cannot be written; try again in a moment.") from answer
    return bool(answer)
