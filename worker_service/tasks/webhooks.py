"""The Celery task that sends webhooks, and the tick that starts it."""

from __future__ import annotations

import asyncio
import threading

import structlog
from celery import shared_task

from shared import keys
from shared.egress import Egress
from shared.errors import Unavailable
from shared.redis import SyncRedis, connect_async, run
from shared.settings import RedisSettings
from shared.webhooks import scripts
from shared.webhooks.secrets import SecretStore
from shared.webhooks.settings import WebhookSettings
from worker_service.tasks.courier import Courier
from worker_service.tasks.stop import STOPPING

log = structlog.get_logger(__name__)
QUEUE = "webhooks"
EVERY_S = 0.2
QUIET_MS = 500
"""The fleet starts at most one more sender in this time, however many clocks tick."""
_one = threading.Lock()


@shared_task(name="webhooks.pump")  # type: ignore[untyped-decorator] # celery ships no types
def pump() -> None:
    """Send what is due. One sender per process is enough, because it sends many at a time."""
    if not _one.acquire(blocking=False):
        return
    try:
        asyncio.run(_send())
    except Unavailable as away:
        log.warning("webhooks.interrupted", error=away.message)
    finally:
        _one.release()


def tick(client: SyncRedis) -> None:
    """Start a sender when something is due. Raises RedisError."""
    call = scripts.TICK([keys.WEBHOOK_OUTBOX, keys.WEBHOOK_DUE, keys.tick("webhooks")], QUIET_MS)
    (due,) = run(client, [call])
    if isinstance(due, Exception):
        raise due
    if due:
        pump.apply_async(queue=QUEUE, retry=False)


async def _send() -> None:
    settings = WebhookSettings()
    client, egress = connect_async(RedisSettings()), Egress(settings.policy)
    try:
        await Courier(client, settings, SecretStore(client, settings), egress).run(STOPPING.is_set)
    finally:
        await egress.close()
        await client.aclose()
