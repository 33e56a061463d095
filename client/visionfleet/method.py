"""From an operation to a method of both clients: it blocks in ``Client`` and is awaited in ``AsyncClient``.

``submit = method(submit)`` in a class of operations gives ``client.jobs.submit(...)`` the operation's own parameters,
types and documentation. ``stream`` does so for what hands out items, ``fan`` for what runs many at the same time.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from functools import wraps
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, overload

from visionfleet.core import Core
from visionfleet.drivers import AsyncDriver, SyncDriver
from visionfleet.fan import Fan
from visionfleet.steps import Flow, Stream

P = ParamSpec("P")
T = TypeVar("T")


class Sync:
    """A group of operations of the blocking client."""

    def __init__(self, core: Core, driver: SyncDriver) -> None:
        self._core, self._driver = core, driver


class Async:
    """A group of operations of the asynchronous client."""

    def __init__(self, core: Core, driver: AsyncDriver) -> None:
        self._core, self._driver = core, driver


class _Operation(Generic[P, T]):
    runner = "run"

    def __init__(self, operation: Callable[..., Any]) -> None:
        self._operation = operation
        self.__doc__ = operation.__doc__

    def _bound(self, group: Any) -> Any:
        if group is None:
            return self

        @wraps(self._operation)
        def call(*args: Any, **kwargs: Any) -> Any:
            operation = self._operation(group._core, *args, **kwargs)  # noqa: SLF001 - groups are ours
            return getattr(group._driver, self.runner)(operation)  # noqa: SLF001 - the same

        return call


class method(_Operation[P, T]):  # noqa: N801 - used like a decorator
    """An operation with one answer."""

    def __init__(self, operation: Callable[Concatenate[Core, P], Flow[T]]) -> None:
        super().__init__(operation)

    @overload
    def __get__(self, group: Sync, owner: Any = None) -> Callable[P, T]: ...

    @overload
    def __get__(self, group: Async, owner: Any = None) -> Callable[P, Coroutine[Any, Any, T]]: ...

    def __get__(self, group: Any, owner: Any = None) -> Any:
        return self._bound(group)


class stream(_Operation[P, T]):  # noqa: N801 - used like a decorator
    """An operation that hands out items as they come."""

    runner = "iterate"

    def __init__(self, operation: Callable[Concatenate[Core, P], Stream[T]]) -> None:
        super().__init__(operation)

    @overload
    def __get__(self, group: Sync, owner: Any = None) -> Callable[P, Iterator[T]]: ...

    @overload
    def __get__(self, group: Async, owner: Any = None) -> Callable[P, AsyncIterator[T]]: ...

    def __get__(self, group: Any, owner: Any = None) -> Any:
        return self._bound(group)


class fan(_Operation[P, T]):  # noqa: N801 - used like a decorator
    """An operation for each of many items, answered in their order."""

    runner = "spread"

    def __init__(self, operation: Callable[Concatenate[Core, P], Fan[Any, T]]) -> None:
        super().__init__(operation)

    @overload
    def __get__(self, group: Sync, owner: Any = None) -> Callable[P, Iterator[T]]: ...

    @overload
    def __get__(self, group: Async, owner: Any = None) -> Callable[P, AsyncIterator[T]]: ...

    def __get__(self, group: Any, owner: Any = None) -> Any:
        return self._bound(group)
