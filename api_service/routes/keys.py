"""API keys: made, listed, revoked. The key itself is in the answer that makes it and nowhere else."""

from __future__ import annotations

import re
from typing import Any

import structlog
from aiohttp import web

from api_service import body, reply
from api_service.context import KEYS, call_of
from api_service.route import Route
from api_service.schemas.keys import KeyAnswer, KeyRequest, KeysAnswer
from shared.access.key import ApiKey, Limits
from shared.access.store import KeyNotFound, Usage, Wanted
from shared.webhooks.payload import iso

log = structlog.get_logger(__name__)
ID = re.compile(r"[0-9a-f]{12}")


async def create(request: web.Request) -> web.Response:
    """Make a key."""
    given = await body.parse(request, KeyRequest)
    limits = Limits(**given.limits.model_dump())
    wanted = Wanted(given.name, given.scopes, given.owner, given.expires_in, given.models, limits)
    key, text = await request.app[KEYS].create(wanted)
    log.info("key.created", key=key.id, scopes=key.scopes, by=by(request))
    response = reply.json({**show(key), "key": text}, status=201)
    response.headers["Location"] = f"/v1/keys/{key.id}"
    response.headers["Cache-Control"] = "no-store"
    return response


async def listed(request: web.Request) -> web.Response:
    """All keys, revoked and expired ones too."""
    return reply.json({"keys": [show(key) for key in await request.app[KEYS].all()]})


async def get(request: web.Request) -> web.Response:
    """One key and its use."""
    key = await request.app[KEYS].get(id_of(request))
    return reply.json(show(key, await request.app[KEYS].usage(key.id)))


async def revoke(request: web.Request) -> web.Response:
    """End a key; no replica takes it any more within a second. Doing it twice is no error."""
    key = await request.app[KEYS].revoke(id_of(request))
    log.info("key.revoked", key=key.id, by=by(request))
    return reply.json(show(key))


def show(key: ApiKey, usage: Usage | None = None) -> dict[str, Any]:
    """The key as the API tells it."""
    shown: dict[str, Any] = {
        "id": key.id,
        "name": key.name,
        "state": key.state(),
        "scopes": list(key.scopes),
        "owner": key.owner,
        "models": list(key.models),
        "limits": vars(key.limits),
        "created": iso(key.created_ms),
        "expires": iso(key.expires_ms),
        "revoked": iso(key.revoked_ms),
    }
    if usage is not None:
        used = {"requests": usage.requests, "refused": usage.refused, "last_used": iso(usage.last_ms)}
        shown["usage"] = used
    return shown


def by(request: web.Request) -> str | None:
    """Id of the key that asks."""
    key = call_of(request).caller.key
    return None if key is None else key.id


def id_of(request: web.Request) -> str:
    """The key that the path names. Raises KeyNotFound."""
    name = request.match_info["id"]
    if not ID.fullmatch(name):
        raise KeyNotFound("There is no API key with this id.")
    return name


TAG = "Keys"
ONE = "/v1/keys/{id}"
ROUTES = [
    Route("GET", "/v1/keys", listed, TAG, "All API keys, without the keys themselves.", "admin", answer=KeysAnswer),
    Route(
        *("POST", "/v1/keys", create, TAG, "Make an API key; it is shown this once.", "admin"),
        body=KeyRequest,
        answer=KeyAnswer,
        status=(201,),
    ),
    Route("GET", ONE, get, TAG, "One API key and its use.", "admin", answer=KeyAnswer, status=(404,)),
    Route("POST", f"{ONE}/revoke", revoke, TAG, "End an API key.", "admin", answer=KeyAnswer, status=(404,)),
]
