"""Webhooks: the secrets that sign them and the ledger of their deliveries."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from aiohttp import web

from api_service import body, reply
from api_service.context import LEDGER, SECRETS
from api_service.route import Route
from api_service.schemas.webhooks import (
    DeliveriesAnswer,
    DeliveriesQuery,
    DeliveryAnswer,
    RotateRequest,
    SecretAnswer,
    SecretRequest,
    SecretsAnswer,
)
from shared.errors import InvalidRequest
from shared.webhooks.delivery import Delivery, DeliveryNotFound
from shared.webhooks.ledger import Filter
from shared.webhooks.payload import iso
from shared.webhooks.secrets import DEFAULT, Secret, SecretNotFound
from shared.webhooks.signature import SigningKey, new_key, parse_key

ID = re.compile(r"[A-Za-z0-9_-]{1,100}")


async def create_secret(request: web.Request) -> web.Response:
    """Make a secret. Its keys are in this answer and never again."""
    wanted = await body.parse(request, SecretRequest)
    signing = keys_of(wanted)
    made = await request.app[SECRETS].create(wanted.name, signing)
    response = reply.json(show_secret(made, signing), status=201)
    response.headers["Location"] = f"/v1/webhooks/secrets/{made.id}"
    return response


async def rotate_secret(request: web.Request) -> web.Response:
    """Give a secret new keys; the former ones sign too until the overlap is over."""
    wanted = await body.parse(request, RotateRequest)
    signing = keys_of(wanted)
    secret = await request.app[SECRETS].rotate(secret_id(request), signing, wanted.overlap)
    return reply.json(show_secret(secret, signing))


async def secrets(request: web.Request) -> web.Response:
    """All secrets, without their keys."""
    found = await request.app[SECRETS].all()
    return reply.json({"secrets": [show_secret(secret) for secret in found]})


async def secret(request: web.Request) -> web.Response:
    """One secret, without its keys."""
    return reply.json(show_secret(await request.app[SECRETS].get(secret_id(request))))


async def delete_secret(request: web.Request) -> web.Response:
    """Forget a secret."""
    name = secret_id(request)
    if name == DEFAULT:
        raise InvalidRequest("The default secret cannot be deleted; rotate it instead.")
    await request.app[SECRETS].delete(name)
    return web.Response(status=204)


async def deliveries(request: web.Request) -> web.Response:
    """One page of the ledger."""
    query = body.query(request, DeliveriesQuery)
    wanted = Filter(query.state, query.job, query.event)
    found, cursor = await request.app[LEDGER].page(wanted, query.limit, query.cursor)
    return reply.json({"deliveries": [show_delivery(delivery) for delivery in found], "next": cursor})


async def delivery(request: web.Request) -> web.Response:
    """One delivery."""
    return reply.json(show_delivery(await request.app[LEDGER].get(delivery_id(request))))


async def replay(request: web.Request) -> web.Response:
    """Send a delivery again, now; also to a receiver that had answered 410."""
    return reply.json(show_delivery(await request.app[LEDGER].replay(delivery_id(request))), status=202)


def keys_of(wanted: SecretRequest) -> list[SigningKey]:
    """The caller's own key, or new ones of the kinds asked for. Raises InvalidRequest."""
    if wanted.secret is not None:
        return [parse_key(wanted.secret.get_secret_value())]
    return [new_key(kind) for kind in wanted.kinds]


def show_secret(found: Secret, new: Sequence[SigningKey] = ()) -> dict[str, Any]:
    """The secret as the API tells it; its newest keys are ``new``, shown only when they were made just now."""
    shown = [
        {"kind": key.kind, "public_key": key.public, "created": iso(key.created_ms), "expires": iso(key.expires_ms)}
        for key in found.keys
    ]
    for entry, key in zip(shown, new, strict=False):
        entry["secret"] = key.text
    return {"id": found.id, "name": found.name, "created": iso(found.created_ms), "keys": shown}


def show_delivery(found: Delivery) -> dict[str, Any]:
    """The delivery as the API tells it."""
    return {
        "id": found.id,
        "job": found.job,
        "type": f"job.{found.event}",
        "url": found.url,
        "secret_id": found.secret_id or DEFAULT,
        "state": found.state,
        "attempts": found.attempts,
        "created": iso(found.created_ms),
        "due": iso(found.due_ms),
        "log": [
            {"at": iso(entry["at_ms"]), "ms": entry["ms"], "status": entry["status"], "error": entry["error"]}
            for entry in found.log
        ],
    }


def secret_id(request: web.Request) -> str:
    """The secret that the path names. Raises SecretNotFound."""
    name = request.match_info["id"]
    if not ID.fullmatch(name):
        raise SecretNotFound("There is no webhook secret with this id.")
    return name


def delivery_id(request: web.Request) -> str:
    """The delivery that the path names. Raises DeliveryNotFound."""
    name = request.match_info["id"]
    if not ID.fullmatch(name):
        raise DeliveryNotFound("There is no webhook delivery with this id.")
    return name


TAG = "Webhooks"
SECRET = "/v1/webhooks/secrets/{id}"  # noqa: S105 - a path
ROUTES = [
    Route(
        "GET",
        "/v1/webhooks/secrets",
        secrets,
        TAG,
        "All secrets, without their keys.",
        answer=SecretsAnswer,
        scope="admin",
    ),
    Route(
        *("POST", "/v1/webhooks/secrets", create_secret, TAG, "Make a secret; its keys are shown this once."),
        scope="admin",
        body=SecretRequest,
        answer=SecretAnswer,
        status=(201,),
    ),
    Route(
        "GET", SECRET, secret, TAG, "One secret, without its keys.", answer=SecretAnswer, status=(404,), scope="admin"
    ),
    Route("DELETE", SECRET, delete_secret, TAG, "Forget a secret.", status=(204, 400, 404), scope="admin"),
    Route(
        *("POST", f"{SECRET}/rotate", rotate_secret, TAG, "Give a secret new keys; the former ones sign for a while."),
        scope="admin",
        body=RotateRequest,
        answer=SecretAnswer,
        status=(404,),
    ),
    Route(
        *("GET", "/v1/webhooks/deliveries", deliveries, TAG, "The ledger of deliveries, newest first."),
        scope="admin",
        query=DeliveriesQuery,
        answer=DeliveriesAnswer,
    ),
    Route(
        *("GET", "/v1/webhooks/deliveries/{id}", delivery, TAG, "One delivery with its attempts."),
        scope="admin",
        answer=DeliveryAnswer,
        status=(404,),
    ),
    Route(
        *("POST", "/v1/webhooks/deliveries/{id}/replay", replay, TAG, "Send a delivery again, now."),
        scope="admin",
        answer=DeliveryAnswer,
        status=(202, 404),
    ),
]
