"""Sending calls and trying again what may be tried again: what all operations of a client stand on."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from visionfleet.errors import DeadlineExceeded, InvalidRequest, ServerUnreachable, VisionfleetError
from visionfleet.retry import RetryPolicy
from visionfleet.steps import Close, Flow, Item, Lines, NextLine, Open, Send, Sleep, Stream
from visionfleet.wire import Call, body_of, error_of

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass
class Core:
    """What the operations of one client share.

    Attributes:
        url: the server.
        timeout: seconds that a call may take in all, retries included.
        policy: when to try again.
        tasks: task by model id and alias, as far as the server was asked.
        packs: whether the server takes msgpack; None until it said so.
    """

    url: str
    timeout: float
    policy: RetryPolicy
    tasks: dict[str, str] = field(default_factory=dict)
    packs: bool | None = None

    def send(self, call: Call) -> Flow[httpx.Response]:
        """The successful answer to a call.

        Raises:
            VisionfleetError: what the server answered, after the retries that make sense; ServerUnreachable or
                DeadlineExceeded when it did not answer within ``timeout`` (plus the call's patience) in all.
        """
        response: httpx.Response = yield from self._persist(call, lambda left: Send(_builder(call), left))
        return response

    def fetch(self, call: Call) -> Flow[dict[str, Any]]:
        """The JSON object of the successful answer. Raises as ``send``, and BadAnswer."""
        response = yield from self.send(call)
        return body_of(response)

    def lines(self, call: Call, silence: float) -> Stream[str]:
        """The lines of the answer as they come, ``silence`` seconds apart at most.

        Raises as ``send``; ServerUnreachable when the answer breaks off.
        """
        opened: Lines = yield from self._persist(call, lambda left: Open(_builder(call), left, silence))
        while True:
            line = yield NextLine(opened)
            if isinstance(line, httpx.HTTPError):
                yield Close(opened)
                raise self._failure(line)
            if line is None:
                yield Close(opened)
                return
            yield Item(line)

    def _persist(self, call: Call, step: Callable[[float], Send | Open]) -> Flow[Any]:
        deadline = time.monotonic() + self.timeout + call.patience_s
        attempt = 0
        while True:
            attempt += 1
            outcome = yield step(max(deadline - time.monotonic(), 0.001))
            error = self._failure(outcome) if isinstance(outcome, httpx.HTTPError) else None
            if isinstance(outcome, httpx.Response):
                error = error_of(outcome)
            if error is None:
                return outcome
            pause = self.policy.pause(attempt, error, repeatable=call.repeatable)
            if pause is None or time.monotonic() + pause >= deadline:
                raise error
            yield Sleep(pause)

    def _failure(self, error: httpx.HTTPError) -> VisionfleetError:
        url = self.url.rstrip("/")
        if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout)):
            return ServerUnreachable(f"No server answers at {url}; start one with 'visionfleet up'.")
        if isinstance(error, httpx.TimeoutException):
            late = DeadlineExceeded(f"{url} did not answer within {self.timeout:g} s.")
            late.retryable = False  # the time is used up; asking again would only add to the server's load
            return late
        broken = ServerUnreachable(f"The connection to {url} broke: {type(error).__name__}.")
        broken.maybe_done = True
        return broken


def check_url(url: str) -> httpx.URL:
    """The server's URL. Raises InvalidRequest when it is none."""
    try:
        base = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise InvalidRequest(f"{url!r} is no URL of a server: {error}.") from error
    if base.scheme not in ("http", "https") or not base.host:
        raise InvalidRequest(f"{url!r} is no URL of a server; write it as http://host:9001.")
    return base


def trusts_proxies(base: httpx.URL) -> bool:
    """A proxy of the environment is for the world outside, never for a server on this machine."""
    return base.host not in LOOPBACK


def _builder(call: Call) -> Callable[[httpx.Client | httpx.AsyncClient, httpx.Timeout], httpx.Request]:
    def build(http: httpx.Client | httpx.AsyncClient, timeout: httpx.Timeout) -> httpx.Request:
        return http.build_request(
            call.method,
            call.path,
            content=call.content,
            json=call.json,
            params=dict(call.query) or None,
            headers=dict(call.headers),
            data=None if call.form is None else dict(call.form),
            files=list(call.files) or None,
            timeout=timeout,
        )

    return build
