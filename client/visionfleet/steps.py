"""What an operation asks for: the only I/O of the clients, each step once for threads and once for an event loop.

An operation is a generator. It yields steps, is sent what they gave, and returns its answer (``Flow``); or it yields
items between its steps (``Stream``). So every operation is written once, and ``drivers.py`` runs it either way.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

import httpx

T = TypeVar("T")
U = TypeVar("U")
CONNECT_TIMEOUT_S = 5.0


class Step(Protocol):
    """One thing to do outside; what it gives is sent back into the operation."""

    def run(self, http: httpx.Client) -> Any:
        """Do it, blocking."""
        ...

    async def arun(self, http: httpx.AsyncClient) -> Any:
        """Do it on the event loop, without blocking it."""
        ...


@dataclass(frozen=True)
class Item(Generic[T]):
    """No step: a value that a stream hands out."""

    value: T


Flow: TypeAlias = Generator[Step, Any, T]
Stream: TypeAlias = Generator["Step | Item[T]", Any, None]


@dataclass(frozen=True)
class Sleep:
    """Wait for so many seconds."""

    seconds: float

    def run(self, http: httpx.Client) -> None:
        """Wait."""
        del http
        time.sleep(self.seconds)

    async def arun(self, http: httpx.AsyncClient) -> None:
        """Wait."""
        del http
        await asyncio.sleep(self.seconds)


@dataclass(frozen=True)
class Do:
    """Blocking work such as reading a file; gives what the function returns and raises what it raises."""

    function: Callable[[], Any]

    def run(self, http: httpx.Client) -> Any:
        """Call it here."""
        del http
        return self.function()

    async def arun(self, http: httpx.AsyncClient) -> Any:
        """Call it in a thread."""
        del http
        return await asyncio.to_thread(self.function)


@dataclass(frozen=True)
class Send:
    """A request; gives the response, or the ``httpx.HTTPError`` that came instead."""

    request: Callable[[httpx.Client | httpx.AsyncClient, httpx.Timeout], httpx.Request]
    seconds: float

    def run(self, http: httpx.Client) -> httpx.Response | httpx.HTTPError:
        """Send it and read all of the answer."""
        try:
            return http.send(self.request(http, patience(self.seconds)))
        except httpx.HTTPError as error:
            return error

    async def arun(self, http: httpx.AsyncClient) -> httpx.Response | httpx.HTTPError:
        """Send it and read all of the answer."""
        try:
            return await http.send(self.request(http, patience(self.seconds)))
        except httpx.HTTPError as error:
            return error


@dataclass
class Lines:
    """An answer that is read line by line while the server writes it."""

    response: httpx.Response
    lines: Iterator[str] | AsyncIterator[str]


@dataclass(frozen=True)
class Open:
    """A request whose answer is read by ``NextLine``; gives Lines, a response that is an error, or what came instead.

    ``seconds`` is for the head of the answer, ``silence`` the longest time without a line.
    """

    request: Callable[[httpx.Client | httpx.AsyncClient, httpx.Timeout], httpx.Request]
    seconds: float
    silence: float

    def run(self, http: httpx.Client) -> Lines | httpx.Response | httpx.HTTPError:
        """Send it and read the head of the answer."""
        try:
            response = http.send(self.request(http, patience(self.seconds, self.silence)), stream=True)
            if response.is_success:
                return Lines(response, response.iter_lines())
            response.read()
        except httpx.HTTPError as error:
            return error
        return response

    async def arun(self, http: httpx.AsyncClient) -> Lines | httpx.Response | httpx.HTTPError:
        """Send it and read the head of the answer."""
        try:
            response = await http.send(self.request(http, patience(self.seconds, self.silence)), stream=True)
            if response.is_success:
                return Lines(response, response.aiter_lines())
            await response.aread()
        except httpx.HTTPError as error:
            return error
        return response


@dataclass(frozen=True)
class NextLine:
    """Gives the next line, None at the end of the answer, or the ``httpx.HTTPError`` that ended it."""

    source: Lines

    def run(self, http: httpx.Client) -> str | httpx.HTTPError | None:
        """Read it."""
        del http
        assert isinstance(self.source.lines, Iterator)  # noqa: S101 - opened by the same driver
        try:
            return next(self.source.lines, None)
        except httpx.HTTPError as error:
            return error

    async def arun(self, http: httpx.AsyncClient) -> str | httpx.HTTPError | None:
        """Read it."""
        del http
        assert isinstance(self.source.lines, AsyncIterator)  # noqa: S101 - opened by the same driver
        try:
            return await anext_or_none(self.source.lines)
        except httpx.HTTPError as error:
            return error


@dataclass(frozen=True)
class Close:
    """Be done with an answer that was opened."""

    source: Lines

    def run(self, http: httpx.Client) -> None:
        """Close it."""
        del http
        self.source.response.close()

    async def arun(self, http: httpx.AsyncClient) -> None:
        """Close it."""
        del http
        await self.source.response.aclose()


async def anext_or_none(lines: AsyncIterator[str]) -> str | None:
    """The next line, or None when there is none."""
    try:
        return await lines.__anext__()
    except StopAsyncIteration:
        return None


def each(stream: Stream[T], change: Callable[[T], U | None]) -> Stream[U]:
    """The items of a stream, each changed; one that changes to None is left out."""
    given: Any = None
    while True:
        try:
            step = stream.send(given)
        except StopIteration:
            return
        given = None
        if not isinstance(step, Item):
            given = yield step
        elif (changed := change(step.value)) is not None:
            yield Item(changed)


def patience(seconds: float, silence: float | None = None) -> httpx.Timeout:
    """At most so many seconds for each part of the exchange, less for the connection."""
    return httpx.Timeout(seconds, connect=min(seconds, CONNECT_TIMEOUT_S), read=silence or seconds)
