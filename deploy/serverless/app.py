"""The API over the engine of this process, on one screen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from aiohttp import web

from api_service.app import create_app
from api_service.backend import Backend
from api_service.settings import ApiSettings
from deploy.serverless.engine import NO_FLEET, LocalEngine, LocalQueue
from deploy.serverless.fleet import LocalFleet, NoDeadLetters, NoKeys, NoLedger
from deploy.serverless.settings import ServerlessSettings
from shared.errors import NotFound
from worker_service.engine.engine import Engine
from worker_service.settings import EngineSettings

# Their state lives in Redis, or their work in other processes.
ELSEWHERE = (
    *("/v1/jobs", "/v1/batches", "/v1/webhooks", "/v1/streams", "/v1/keys", "/v1/dead-letters", "/v1/workflows"),
    *("/workflows", "/infer/workflows", "/inference_pipelines", "/initialise_webrtc", "/streams"),
)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def create(settings: ServerlessSettings) -> web.Application:
    """The application. It loads models when it starts. Raises BadProfile when the machine lacks what it names."""
    local = LocalEngine(Engine(EngineSettings()), settings)
    backend = Backend(LocalQueue(local), LocalFleet(local), NoLedger(), NoDeadLetters(), NoKeys())
    api = ApiSettings()
    app = create_app(api, backend)
    app.middlewares.append(synchronous_only)

    async def running(_: web.Application) -> AsyncIterator[None]:
        await asyncio.to_thread(local.start)
        yield
        await asyncio.to_thread(local.stop, api.drain_timeout_s)

    app.cleanup_ctx.append(running)
    return app


@web.middleware
async def synchronous_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuses what needs the fleet. Raises NotFound."""
    path = request.path.rstrip("/")
    if any(path == prefix or path.startswith(f"{prefix}/") for prefix in ELSEWHERE):
        raise NotFound(NO_FLEET)
    return await handler(request)
