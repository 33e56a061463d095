"""The service on one screen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from aiohttp import web

from api_service import docs, linger, metrics_files
from api_service.assets import read_folder
from api_service.backend import Backend, connect
from api_service.context import (
    BACKEND,
    BATCH_SETTINGS,
    BATCHES,
    DOCS,
    EGRESS,
    FETCHES,
    FOLLOWERS,
    KEYS,
    LEAVING,
    LEDGER,
    METRICS,
    OFFERS,
    PAGES,
    ROUTES_OF,
    SECRETS,
    SETTINGS,
    STREAMS,
    USAGE,
    WISHES,
    WORKFLOWS,
)
from api_service.metrics import Metrics
from api_service.middlewares import MIDDLEWARES
from api_service.middlewares.browser import share
from api_service.middlewares.observe import add_headers
from api_service.route import add_routes, discover
from api_service.settings import ApiSettings
from shared.access.store import KeyStore
from shared.batches.settings import BatchSettings
from shared.batches.store import BatchStore
from shared.egress import Egress
from shared.fetch.settings import FetchSettings
from shared.redis import connect_async
from shared.streams.offers import Offers
from shared.streams.settings import StreamLimits
from shared.streams.store import StreamStore
from shared.usage.store import UsageStore
from shared.webhooks.ledger import Ledger
from shared.webhooks.secrets import SecretStore
from shared.webhooks.settings import WebhookSettings
from shared.workflows.store import WorkflowStore


def create_app(settings: ApiSettings, backend: Backend | None = None) -> web.Application:
    """The application; without a ``backend`` it connects to the real one when it starts."""
    app = web.Application(middlewares=MIDDLEWARES, client_max_size=settings.max_body_bytes)
    app[SETTINGS] = settings
    app[METRICS] = Metrics(settings, metrics_files.folder())
    app[FOLLOWERS] = set()
    app[LEAVING] = asyncio.Event()
    app.on_startup.append(linger.listen)
    app.on_shutdown.append(dismiss)
    if backend is not None:
        app[BACKEND] = backend
    else:
        app.cleanup_ctx.append(connected)
    app.cleanup_ctx.append(fetching)
    app.cleanup_ctx.append(keeping)
    app.on_response_prepare.append(add_headers)
    app.on_response_prepare.append(share)
    routes = discover(settings)
    if settings.docs:
        app[DOCS] = docs.Docs(routes)
    app[PAGES] = read_folder(settings.web_dir) if settings.playground else {}
    app[ROUTES_OF] = add_routes(app, routes)
    return app


async def connected(app: web.Application) -> AsyncIterator[None]:
    """Hold the connection to the queue for as long as the application runs."""
    async with connect(app[SETTINGS]) as backend:
        app[BACKEND] = backend
        yield


async def dismiss(app: web.Application) -> None:
    """End the event streams, which else would hold up the end; clients take them up elsewhere."""
    followers = app[FOLLOWERS]
    for task in followers.copy():
        task.cancel()


async def fetching(app: web.Application) -> AsyncIterator[None]:
    """Hold the client that fetches image URLs."""
    app[EGRESS] = Egress(app[SETTINGS].egress)
    yield
    await app[EGRESS].close()


async def keeping(app: web.Application) -> AsyncIterator[None]:
    """Hold what the webhook, batch, key and stream routes read and write; it connects when first used."""
    client, webhooks = connect_async(app[SETTINGS]), WebhookSettings()
    app[LEDGER], app[SECRETS] = Ledger(client, webhooks), SecretStore(client, webhooks)
    app[KEYS], app[USAGE] = KeyStore(client), UsageStore(client)
    app[WISHES], app[FETCHES] = client, FetchSettings().fetches
    app[BATCH_SETTINGS] = BatchSettings()
    app[WORKFLOWS] = WorkflowStore(client)
    app[BATCHES] = BatchStore(client, app[BATCH_SETTINGS], app[SETTINGS])
    app[STREAMS], app[OFFERS] = StreamStore(client, StreamLimits()), Offers(client)
    yield
    await client.aclose()
