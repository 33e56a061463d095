"""What lives as long as the application (typed keys) and as long as one request (Call)."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import web

from api_service.assets import Asset
from api_service.backend import Backend
from api_service.caller import OPEN, Caller
from api_service.metrics import Metrics
from api_service.route import Route
from api_service.settings import ApiSettings
from shared.access.store import KeyStore
from shared.batches.settings import BatchSettings
from shared.batches.store import BatchStore
from shared.egress import Egress
from shared.redis import AsyncRedis
from shared.streams.offers import Offers
from shared.streams.store import StreamStore
from shared.tracing import Span
from shared.usage.store import UsageStore
from shared.webhooks.ledger import Ledger
from shared.webhooks.secrets import SecretStore
from shared.workflows.store import WorkflowStore

if TYPE_CHECKING:
    from api_service.docs import Docs

SETTINGS = web.AppKey("SETTINGS", ApiSettings)
BACKEND = web.AppKey("BACKEND", Backend)
EGRESS = web.AppKey("EGRESS", Egress)
METRICS = web.AppKey("METRICS", Metrics)
FOLLOWERS: web.AppKey[set[asyncio.Task[Any]]] = web.AppKey("FOLLOWERS")
"""Tasks that write events to a client until the job ends; they are ended when the server stops."""
LEAVING = web.AppKey("LEAVING", asyncio.Event)
"""Set when the server has been told to end and still accepts."""
LEDGER = web.AppKey("LEDGER", Ledger)
KEYS = web.AppKey("KEYS", KeyStore)
ROUTES_OF: web.AppKey[dict[web.AbstractRoute, Route]] = web.AppKey("ROUTES_OF")
"""What each route of the router was declared as."""
SECRETS = web.AppKey("SECRETS", SecretStore)
BATCHES = web.AppKey("BATCHES", BatchStore)
BATCH_SETTINGS = web.AppKey("BATCH_SETTINGS", BatchSettings)
STREAMS = web.AppKey("STREAMS", StreamStore)
WISHES = web.AppKey("WISHES", AsyncRedis)
"""Where models are wished for that no worker has."""
FETCHES = web.AppKey("FETCHES", bool)
"""Whether such models are fetched."""
WORKFLOWS = web.AppKey("WORKFLOWS", WorkflowStore)
USAGE = web.AppKey("USAGE", UsageStore)
OFFERS = web.AppKey("OFFERS", Offers)
PAGES: web.AppKey[dict[str, Asset]] = web.AppKey("PAGES")
"""Files of the playground by path."""
DOCS: web.AppKey[Docs] = web.AppKey("DOCS")
"""Files of the documentation by name."""


@dataclass
class Call:
    """Facts about one request, collected on its way for headers, log and metrics."""

    request_id: str
    started: float = field(default_factory=time.perf_counter)
    model_id: str | None = None
    cold_start: bool = False
    load_s: float | None = None
    timings: dict[str, float] = field(default_factory=dict)
    error_code: str | None = None
    caller: Caller = OPEN
    headers: dict[str, str] = field(default_factory=dict)
    span: Span | None = None

    def elapsed(self) -> float:
        """Seconds since the request arrived."""
        return time.perf_counter() - self.started


CALL = web.RequestKey("CALL", Call)


def call_of(request: web.Request) -> Call:
    """The facts about this request; middlewares/observe.py puts them there first of all."""
    return request[CALL]
