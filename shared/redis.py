"""Connections to Redis and the Lua scripts that run there. Only modules of ``shared`` import redis."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from hashlib import sha1
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError
from redis.retry import Retry

from shared.exchange import Command, exchange
from shared.settings import RedisSettings

__all__ = [
    "AsyncRedis",
    "Call",
    "Command",
    "RedisError",
    "Script",
    "SyncRedis",
    "connect",
    "connect_async",
    "exchange",
    "run",
    "run_async",
    "run_through",
]

SyncRedis = redis.Redis
AsyncRedis = redis.asyncio.Redis
Send: TypeAlias = Callable[[Sequence[Command]], Awaitable[list[Any]]]

LUA = Path(__file__).parent / "lua"
MOST_CONNECTIONS = 32
"""Of one client on an event loop; more would only make Redis read more sockets for the same work."""


class Script:
    """A Lua script from ``shared/lua``, sent once and then called by its hash. ``common.lua`` goes before each."""

    def __init__(self, name: str) -> None:
        self.source = "\n".join((LUA / f"{part}.lua").read_text() for part in ("common", name))
        self.sha = sha1(self.source.encode(), usedforsecurity=False).hexdigest()

    def __call__(self, keys: Sequence[str], *arguments: str | bytes | float) -> Call:
        """A call of this script, to be run alone or with others in one round trip."""
        return Call(self, tuple(keys), arguments)


class Call(NamedTuple):
    """One call of one script."""

    script: Script
    keys: tuple[str, ...]
    arguments: tuple[str | bytes | float, ...]

    @property
    def words(self) -> tuple[Any, ...]:
        """The arguments of EVALSHA."""
        return self.script.sha, len(self.keys), *self.keys, *self.arguments


def connect(settings: RedisSettings) -> SyncRedis:
    """A connection pool for threads. Never retries by itself: a script that ran must not run twice."""
    return redis.Redis.from_url(
        settings.redis_url,
        protocol=2,
        retry=Retry(NoBackoff(), 0),
        socket_timeout=settings.redis_timeout_s,
        socket_connect_timeout=settings.redis_connect_timeout_s,
    )


def connect_async(settings: RedisSettings) -> AsyncRedis:
    """A connection pool for the event loop, with the same rule. Who finds all connections in use waits for one."""
    pool: Any = redis.asyncio.BlockingConnectionPool.from_url(
        settings.redis_url,
        max_connections=MOST_CONNECTIONS,
        timeout=settings.redis_timeout_s,
        protocol=2,
        retry=AsyncRetry(NoBackoff(), 0),
        socket_timeout=settings.redis_timeout_s,
        socket_connect_timeout=settings.redis_connect_timeout_s,
    )
    return redis.asyncio.Redis.from_pool(pool)


def run(client: SyncRedis, calls: Sequence[Call]) -> list[Any]:
    """Run the calls in one round trip; one more after a restart of Redis, which forgets scripts.

    An answer may be a ResponseError; whoever called decides. Raises RedisError when Redis does not answer.
    """
    answers = exchange(client, [("EVALSHA", *call.words) for call in calls])
    for index, script in _forgotten(calls, answers):
        answers[index] = exchange(client, [("SCRIPT", "LOAD", script.source), ("EVALSHA", *calls[index].words)])[1]
    return answers


async def run_async(client: AsyncRedis, calls: Sequence[Call]) -> list[Any]:
    """``run`` on the event loop."""
    return await run_through(partial(_pipeline_async, client), calls)


async def run_through(send: Send, calls: Sequence[Call]) -> list[Any]:
    """``run`` through whatever sends commands and returns their answers in one round trip."""
    answers = await send([("EVALSHA", *call.words) for call in calls])
    for index, script in _forgotten(calls, answers):
        answers[index] = (await send([("SCRIPT", "LOAD", script.source), ("EVALSHA", *calls[index].words)]))[1]
    return answers


async def _pipeline_async(client: AsyncRedis, commands: Sequence[Command]) -> list[Any]:
    pipe: Any
    async with client.pipeline(transaction=False) as pipe:
        for command in commands:
            pipe.execute_command(*command)
        answers: list[Any] = await pipe.execute(raise_on_error=False)
    return answers


def _forgotten(calls: Sequence[Call], answers: list[Any]) -> Iterator[tuple[int, Script]]:
    return ((index, calls[index].script) for index, answer in enumerate(answers) if isinstance(answer, NoScriptError))
