"""Sends calls over HTTP, synchronously, and tries again what may be tried again."""

from __future__ import annotations

import time
from collections.abc import Mapping

import httpx

from visionfleet.errors import DeadlineExceeded, InvalidRequest, ServerUnreachable, VisionfleetError
from visionfleet.retry import RetryPolicy
from visionfleet.wire import Call, error_of

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
CONNECT_TIMEOUT_S = 5.0


class Transport:
    """A pool of kept-alive connections to one server; may be used from several threads."""

    def __init__(self, url: str, timeout: float, policy: RetryPolicy, headers: Mapping[str, str]) -> None:
        """Raises InvalidRequest when the URL is none."""
        self.timeout = timeout
        self.policy = policy
        try:
            base = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise InvalidRequest(f"{url!r} is no URL of a server: {error}.") from error
        if base.scheme not in ("http", "https") or not base.host:
            raise InvalidRequest(f"{url!r} is no URL of a server; write it as http://host:9001.")
        # A proxy of the environment is for the world outside, never for a server on this machine.
        self._http = httpx.Client(base_url=base, headers=dict(headers), trust_env=base.host not in LOOPBACK)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def send(self, call: Call) -> httpx.Response:
        """The successful answer to a call.

        Raises:
            VisionfleetError: what the server answered, after the retries that make sense; ServerUnreachable or
                DeadlineExceeded when it did not answer within ``timeout`` (plus the call's patience) in all.
        """
        deadline = time.monotonic() + self.timeout + call.patience_s
        attempt = 0
        while True:
            attempt += 1
            outcome = self._attempt(call, deadline - time.monotonic())
            if isinstance(outcome, httpx.Response):
                return outcome
            pause = self.policy.pause(attempt, outcome, repeatable=call.repeatable)
            if pause is None or time.monotonic() + pause >= deadline:
                raise outcome
            time.sleep(pause)

    def _attempt(self, call: Call, left: float) -> httpx.Response | VisionfleetError:
        try:
            response = self._http.request(
                call.method,
                call.path,
                json=call.json,
                params=dict(call.query),
                headers=dict(call.headers),
                data=None if call.form is None else dict(call.form),
                files=list(call.files) or None,
                timeout=httpx.Timeout(left, connect=min(left, CONNECT_TIMEOUT_S)),
            )
        except httpx.HTTPError as error:
            return self._failure(error)
        return error_of(response) or response

    def _failure(self, error: httpx.HTTPError) -> VisionfleetError:
        url = str(self._http.base_url).rstrip("/")
        if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout)):
            return ServerUnreachable(f"No server answers at {url}; start one with 'visionfleet up'.")
        if isinstance(error, httpx.TimeoutException):
            late = DeadlineExceeded(f"{url} did not answer within {self.timeout:g} s.")
            late.retryable = False  # the time is used up; asking again would only add to the server's load
            return late
        broken = ServerUnreachable(f"The connection to {url} broke: {type(error).__name__}.")
        broken.maybe_done = True
        return broken
