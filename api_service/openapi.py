"""The OpenAPI 3.1 document, made from the route table and the schemas: there is nothing to keep in step by hand."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from api_service.errors import phrase
from api_service.route import Route
from api_service.schemas.problems import Message, Problem, ValidationFailed
from api_service.schemas.webhooks import JobMessage
from api_service.version import VERSION

Mode = Literal["validation", "serialization"]
REF = "#/components/schemas/"
PARAMETER = re.compile(r"\{(\w+)(?::[^}]*)?\}")
# Kept as they are; every other code documented by a route is an error.
ANSWERS = frozenset({200, 201, 202})
EVENTS = ("started", "succeeded", "failed", "canceled", "expired")
MULTIPART = "multipart/form-data"
BARE = frozenset({204, 304})


def document(routes: Iterable[Route]) -> dict[str, Any]:
    """The whole document."""
    routes = list(routes)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(PARAMETER.sub(r"{\1}", route.path), {})[route.method.lower()] = operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Visionfleet",
            "version": VERSION,
            "description": "Computer-vision inference over HTTP and job queues.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "webhooks": {f"job.{event}": webhook(event) for event in EVENTS},
        "components": {"schemas": schemas(routes)},
    }


def webhook(event: str) -> dict[str, Any]:
    """What the receiver of a job's webhook is sent."""
    headers = {"webhook-id": "Same in every attempt.", "webhook-timestamp": "Of the attempt.", "webhook-signature": ""}
    described: dict[str, Any] = {
        "operationId": f"on_job_{event}",
        "tags": ["Webhooks"],
        "summary": "Sent to the job's `webhook.url`, signed as Standard Webhooks 1.0 says.",
        "parameters": [
            {"name": name, "in": "header", "required": True, "description": meaning, "schema": {"type": "string"}}
            for name, meaning in headers.items()
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": ref(JobMessage)}}},
        "responses": {"2XX": {"description": "Delivered; anything else is tried again."}},
    }
    return {"post": described}


def operation(route: Route) -> dict[str, Any]:
    """One method on one path."""
    described: dict[str, Any] = {
        "operationId": operation_id(route),
        "tags": [route.tag],
        "summary": route.summary,
        "parameters": [*path_parameters(route), *query_parameters(route), *header_parameters(route)],
        "responses": responses(route),
    }
    if route.body is not None:
        content = {media: body_in(media, route.body) for media in ("application/json", *route.also_as)}
        described["requestBody"] = {"required": True, "content": content}
    return described


def body_in(media: str, schema: type[BaseModel]) -> dict[str, Any]:
    """The body in one media type. In a multipart body the JSON is the part `job`, and files are parts named `image`."""
    if media != MULTIPART:
        return {"schema": ref(schema)}
    files = {"type": "array", "items": {"type": "string", "format": "binary"}}
    parts = {"type": "object", "required": ["job", "image"], "properties": {"job": ref(schema), "image": files}}
    return {"schema": parts, "encoding": {"job": {"contentType": "application/json"}}}


def operation_id(route: Route) -> str:
    """A name that generated clients can use."""
    words = re.findall(r"\w+", PARAMETER.sub(r"by \1", route.path))
    return "_".join([route.method.lower(), *words])


def path_parameters(route: Route) -> list[dict[str, Any]]:
    """Those of the path template."""
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in PARAMETER.findall(route.path)
    ]


def query_parameters(route: Route) -> list[dict[str, Any]]:
    """One for each field of the query schema."""
    if route.query is None:
        return []
    fields = route.query.model_json_schema(ref_template=REF + "{model}")["properties"]
    return [
        {
            "name": name,
            "in": "query",
            "required": False,
            "description": schema.get("description", ""),
            "schema": {key: value for key, value in schema.items() if key not in {"description", "title"}},
        }
        for name, schema in fields.items()
    ]


def header_parameters(route: Route) -> list[dict[str, Any]]:
    """Those that the route documents."""
    return [
        {"name": name, "in": "header", "required": False, "description": meaning, "schema": {"type": "string"}}
        for name, meaning in route.headers.items()
    ]


def responses(route: Route) -> dict[str, Any]:
    """The answer and the errors."""
    found: dict[str, Any] = {"200": {"description": "OK", **content_of(route)}}
    modern = route.path.startswith("/v1/")
    for status in sorted({*route.status, *(() if route.body is route.query is None else (400, 422)), 503}):
        if status in BARE:
            found[str(status)] = {"description": phrase(status)}
            continue
        if status in ANSWERS:
            found[str(status)] = {"description": phrase(status), **content_of(route)}
            continue
        media = "application/problem+json" if modern else "application/json"
        schema = Problem if modern else ValidationFailed if status == 422 else Message
        found[str(status)] = {"description": phrase(status), "content": {media: {"schema": ref(schema)}}}
    return found


def content_of(route: Route) -> dict[str, Any]:
    """The JSON of the answer, when the route documents it."""
    if route.media:
        return {"content": {route.media: {"schema": {"type": "string"}}}}
    if route.answer is None:
        return {}
    schema: dict[str, Any] = ref(route.answer)
    if route.listed:
        schema = {"oneOf": [schema, {"type": "array", "items": schema}]}
    events = {"text/event-stream": {"schema": {"type": "string"}}} if route.events else {}
    return {"content": {"application/json": {"schema": schema}, **events}}


def schemas(routes: Iterable[Route]) -> dict[str, Any]:
    """Every schema that a route names."""
    bodies: set[type[BaseModel]] = {route.body for route in routes if route.body is not None}
    answers: set[type[BaseModel]] = {Problem, Message, ValidationFailed, JobMessage}
    answers |= {route.answer for route in routes if route.answer is not None}
    wanted = [*_in_mode(bodies, "validation"), *_in_mode(answers, "serialization")]
    _, definitions = models_json_schema(wanted, ref_template=REF + "{model}")
    found: dict[str, Any] = definitions["$defs"]
    return found


def ref(schema: type[BaseModel]) -> dict[str, Any]:
    """A reference to a schema of the document."""
    return {"$ref": REF + schema.__name__}


def _in_mode(classes: set[type[BaseModel]], mode: Mode) -> list[tuple[type[BaseModel], Mode]]:
    return [(schema, mode) for schema in sorted(classes, key=lambda cls: cls.__name__)]
