"""Running operations: blocking in the caller's thread, or on the caller's event loop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any, Generic, TypeVar

import httpx

from visionfleet.fan import Fan
from visionfleet.steps import Close, Flow, Item, Lines, Stream

T = TypeVar("T")
END: Any = object()


class Running(Generic[T]):
    """A generator on its way: ``advance`` feeds it what a step gave, ``broke`` what a step raised."""

    def __init__(self, operation: Generator[Any, Any, Any]) -> None:
        self._operation = operation
        self.opened: list[Lines] = []

    def advance(self, given: Any) -> Any:
        """The next step or item. Raises StopIteration with the answer at the end."""
        if isinstance(given, Lines):
            self.opened.append(given)
        return self._operation.send(given)

    def broke(self, error: Exception) -> Any:
        """The same after a step that raised."""
        return self._operation.throw(error)

    def close(self) -> list[Close]:
        """End the operation; what is left to do."""
        self._operation.close()
        return [Close(lines) for lines in self.opened]


class SyncDriver:
    """Runs operations in the calling thread; may be used from several threads."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def run(self, flow: Flow[T]) -> T:
        """What the flow returns. Raises what it raises."""
        running: Running[T] = Running(flow)
        try:
            step = running.advance(None)
            while True:
                step = self._do(running, step)
        except StopIteration as end:
            answer: T = end.value
            return answer

    def iterate(self, stream: Stream[T]) -> Iterator[T]:
        """The items of the stream. Raises what it raises."""
        running: Running[T] = Running(stream)
        try:
            step = running.advance(None)
            while True:
                if isinstance(step, Item):
                    yield step.value
                    step = running.advance(None)
                else:
                    step = self._do(running, step)
        except StopIteration:
            return
        finally:
            for left in running.close():
                left.run(self._http)

    def spread(self, fan: Fan[Any, T]) -> Iterator[T]:
        """The answers of a fan in the order of its items, by threads. Raises the first error that a flow raises."""
        items = iter(fan.items())
        pending: deque[Future[T]] = deque()
        pool = ThreadPoolExecutor(fan.concurrency)
        try:
            with fan.bar or nullcontext():
                if (first := next(items, END)) is END:
                    return
                yield fan.note(self.run(fan.flow(first)))
                for item in items:
                    pending.append(pool.submit(self.run, fan.flow(item)))
                    if len(pending) > fan.concurrency:
                        yield fan.note(pending.popleft().result())
                while pending:
                    yield fan.note(pending.popleft().result())
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _do(self, running: Running[Any], step: Any) -> Any:
        try:
            given = step.run(self._http)
        except Exception as error:  # noqa: BLE001 - the operation decides what becomes of it
            return running.broke(error)
        return running.advance(given)


class AsyncDriver:
    """Runs operations on the event loop of whoever awaits them."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def run(self, flow: Flow[T]) -> T:
        """What the flow returns. Raises what it raises."""
        running: Running[T] = Running(flow)
        step, ended = start(lambda: running.advance(None))
        while not ended:
            step, ended = await self._do(running, step)
        answer: T = step
        return answer

    async def iterate(self, stream: Stream[T]) -> AsyncIterator[T]:
        """The items of the stream. Raises what it raises."""
        running: Running[T] = Running(stream)
        try:
            step, ended = start(lambda: running.advance(None))
            while not ended:
                if isinstance(step, Item):
                    yield step.value
                    step, ended = start(lambda: running.advance(None))
                else:
                    step, ended = await self._do(running, step)
        finally:
            for left in running.close():
                await left.arun(self._http)

    async def spread(self, fan: Fan[Any, T]) -> AsyncIterator[T]:
        """The answers of a fan in the order of its items, by tasks. Raises the first error that a flow raises."""
        items = iter(fan.items())
        pending: deque[asyncio.Task[T]] = deque()
        try:
            with fan.bar or nullcontext():
                if (first := await asyncio.to_thread(next, items, END)) is END:
                    return
                yield fan.note(await self.run(fan.flow(first)))
                while (item := await asyncio.to_thread(next, items, END)) is not END:
                    pending.append(asyncio.create_task(self.run(fan.flow(item))))
                    if len(pending) > fan.concurrency:
                        yield fan.note(await pending.popleft())
                while pending:
                    yield fan.note(await pending.popleft())
        finally:
            for task in pending:
                task.cancel()
            await asyncio.gather(*pending, return_exceptions=True)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _do(self, running: Running[Any], step: Any) -> tuple[Any, bool]:
        try:
            given = await step.arun(self._http)
        except Exception as error:  # noqa: BLE001 - the operation decides what becomes of it
            broken = error
            return start(lambda: running.broke(broken))
        return start(lambda: running.advance(given))


def start(go: Callable[[], Any]) -> tuple[Any, bool]:
    """The next step and False, or the answer and True: StopIteration must not pass through a coroutine."""
    try:
        return go(), False
    except StopIteration as end:
        return end.value, True
