"""A receiver of webhooks, and the ledger over a real redis-server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import structlog
from aiohttp import web
from aiohttp.test_utils import TestServer

from shared import keys
from shared.codec import pack
from shared.egress import Egress
from shared.redis import AsyncRedis, connect_async
from shared.settings import RedisSettings
from shared.webhooks.ledger import Ledger
from shared.webhooks.secrets import SecretStore
from shared.webhooks.settings import WebhookSettings
from worker_service.tasks.courier import Courier

Answer = Callable[[int, web.Request], web.Response]


@pytest.fixture(autouse=True, scope="session")
def plain_log() -> None:
    """As in production; structlog's own default formats every local variable of a traceback."""
    structlog.configure(processors=[structlog.processors.format_exc_info, structlog.processors.JSONRenderer()])


class Receiver:
    """Keeps what it is sent; ``answers`` says what to answer to the n-th request (from 0)."""

    def __init__(self) -> None:
        self.seen: list[tuple[dict[str, str], bytes]] = []
        self.answers: Answer = lambda _, __: web.Response()
        self.delay_s = 0.0
        self.most_at_once = self._now = 0
        self.url = ""

    async def handle(self, request: web.Request) -> web.Response:
        self._now += 1
        self.most_at_once = max(self.most_at_once, self._now)
        self.seen.append((dict(request.headers), await request.read()))
        number = len(self.seen) - 1
        await asyncio.sleep(self.delay_s)
        self._now -= 1
        return self.answers(number, request)

    def ids(self) -> list[str]:
        return [headers["webhook-id"] for headers, _ in self.seen]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made.handle)
    async with TestServer(app) as server:
        made.url = str(server.make_url("/hook"))
        yield made


@pytest.fixture
def settings(tmp_path: Path) -> WebhookSettings:
    return WebhookSettings(
        data_dir=tmp_path,
        webhook_allow_http=True,
        webhook_allow_private=True,
        webhook_ports=(),
        webhook_timeout_s=1,
        webhook_per_receiver=8,
    )


class Desk:
    """Everything that delivers, in this process."""

    def __init__(self, client: AsyncRedis, settings: WebhookSettings, egress: Egress) -> None:
        self.client, self.settings, self.egress = client, settings, egress
        self.ledger = Ledger(client, settings)
        self.secrets = SecretStore(client, settings)

    async def job_ends(self, job: str, url: str, event: str = "succeeded", **webhook: Any) -> str:
        """What submit and settle leave behind. Returns the id of the delivery to come."""
        fields: dict[str, Any] = {
            "state": event,
            "model": "m",
            "created_ms": 1,
            "webhook": pack({"url": url, "events": [event], "secret_id": None, "mode": "thin", **webhook}),
        }
        await self.client.hset(keys.job(job), mapping=fields)
        await self.client.xadd(keys.WEBHOOK_OUTBOX, {"job": job, "event": event, "at": 1_700_000_000_000})
        return f"msg_{job}_{event}"

    async def deliver(self, egress: Egress | None = None) -> int:
        """One run of a courier."""
        return await Courier(self.client, self.settings, self.secrets, egress or self.egress).run(lambda: False)

    async def make_due(self, delivery_id: str) -> None:
        """Let the time until the next attempt be over."""
        await self.client.zadd(keys.WEBHOOK_DUE, {delivery_id: 1})


@pytest.fixture
async def desk(redis_url: str, settings: WebhookSettings) -> AsyncIterator[Desk]:
    client, egress = connect_async(RedisSettings(redis_url=redis_url)), Egress(settings.policy)
    yield Desk(client, settings, egress)
    await egress.close()
    await client.aclose()
