"""AWS Lambda: ``deploy.serverless.aws.handler`` answers events of function URLs and HTTP APIs (payload 2.0).

The application listens on loopback inside the function, so that an event is the same request as anywhere else, however
large or binary; what Lambda keeps between invocations keeps the models loaded. Time-outs are answered before Lambda
would end the function.
"""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from collections.abc import Coroutine, Mapping
from functools import cache
from typing import Any, TypeVar

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from api_service.settings import ApiSettings
from deploy.serverless.app import create
from deploy.serverless.settings import ServerlessSettings
from shared import log

T = TypeVar("T")
TEXT = ("text/", "application/json", "application/problem+json", "application/javascript", "image/svg+xml")
PER_CONNECTION = frozenset(
    {"connection", "content-length", "transfer-encoding", "keep-alive", "date", "server", "host"}
)
"""What belongs to a connection, which neither side has here."""


class Function:
    """The application on a thread of its own, and the client that puts events to it."""

    def __init__(self, settings: ServerlessSettings) -> None:
        self._settings = settings
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="serverless", daemon=True).start()
        self._base = self._do(self._start())

    def answer(self, event: Mapping[str, Any], remaining_ms: int) -> dict[str, Any]:
        """The response to one event, given before ``remaining_ms`` are over."""
        seconds = max(0.1, (remaining_ms - self._settings.serverless_margin_ms) / 1000)
        return self._do(self._ask(event, seconds))

    def close(self) -> None:
        """Finish what runs and end."""
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _start(self) -> URL:
        self._runner = web.AppRunner(create(self._settings), access_log=None, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self._session = aiohttp.ClientSession(auto_decompress=False)
        return URL(f"http://127.0.0.1:{self._runner.addresses[0][1]}")

    async def _end(self) -> None:
        await self._session.close()
        await self._runner.cleanup()

    async def _ask(self, event: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        method, url, headers, body = request_of(event, self._base)
        limit = aiohttp.ClientTimeout(total=seconds)
        try:
            async with self._session.request(
                method, url, headers=headers, data=body, timeout=limit, allow_redirects=False
            ) as answer:
                return response_of(answer.status, answer.headers, await answer.read())
        except asyncio.TimeoutError:
            message = "The function's time was over before the answer was there; raise its timeout or its memory."
            return problem(504, "deadline_exceeded", message)


def request_of(event: Mapping[str, Any], base: URL) -> tuple[str, URL, CIMultiDict[str], bytes]:
    """Method, URL, headers and body of an event. Raises ValueError when it is none of HTTP in payload 2.0."""
    try:
        http = event["requestContext"]["http"]
        method, path = str(http["method"]), str(event["rawPath"])
    except (KeyError, TypeError) as error:
        raise ValueError("not an event of a function URL or an HTTP API with payload 2.0") from error
    given = event.get("headers") or {}
    headers = CIMultiDict((name, value) for name, value in given.items() if name.lower() not in PER_CONNECTION)
    if "Host" not in headers and "host" in {name.lower() for name in given}:
        headers["Host"] = next(value for name, value in given.items() if name.lower() == "host")
    if event.get("cookies"):
        headers["Cookie"] = "; ".join(event["cookies"])
    query = event.get("rawQueryString") or ""
    url = URL(f"{base}{path}{'?' + query if query else ''}", encoded=True)
    body = event.get("body") or ""
    return method, url, headers, base64.b64decode(body) if event.get("isBase64Encoded") else body.encode()


def response_of(status: int, given: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """Lambda's form of a response; anything but text travels as base64."""
    headers = {name: value for name, value in given.items() if name.lower() not in PER_CONNECTION}
    kind = headers.get("Content-Type", "")
    as_text = kind.startswith(TEXT) and "Content-Encoding" not in headers
    text = body.decode() if as_text else base64.b64encode(body).decode()
    return {"statusCode": status, "headers": headers, "body": text, "isBase64Encoded": not as_text}


def problem(status: int, code: str, message: str) -> dict[str, Any]:
    """An error in our usual form."""
    body = json.dumps({"message": message, "code": code})
    return {
        "statusCode": status,
        "headers": {"Content-Type": "application/json"},
        "body": body,
        "isBase64Encoded": False,
    }


@cache
def function() -> Function:
    """The one of this instance; made by its first event, while Lambda bills the start."""
    log.configure(ApiSettings(), "lambda")
    return Function(ServerlessSettings())


def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """What Lambda calls."""
    try:
        return function().answer(event, int(context.get_remaining_time_in_millis()))
    except ValueError as wrong:
        return problem(400, "invalid_request", f"This is {wrong}.")
