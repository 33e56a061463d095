"""The whole system on one machine: redis-server, the API and the worker pools, started and drained in order."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import sys
import time
from collections.abc import Mapping, Sequence

from deploy.local import preflight, redis_server, state
from deploy.local.child import Child, Service
from deploy.local.errors import CannotStart
from deploy.local.http import NoAnswer, get_json
from deploy.local.settings import LocalSettings, at_place, environment
from shared.cores import places

API = (sys.executable, "-m", "api_service")
WORKER = (sys.executable, "-m", "worker_service")
STREAMS = (sys.executable, "-m", "stream_service")
REDIS_STOP_S = 15.0


class System:
    """Start, watch and drain. The commands are data, so that tests run small processes in place of the services."""

    def __init__(
        self,
        settings: LocalSettings,
        api: Sequence[str] = API,
        worker: Sequence[str] = WORKER,
        streams: Sequence[str] = STREAMS,
    ) -> None:
        self.settings = settings
        self.redis: Child | None = None
        self.services: list[Child] = []
        self.key = secrets.token_urlsafe(32)
        """Opens the API to this launcher, whether others need keys or not; it lives as long as the launcher."""
        self._api, self._worker, self._streams = api, worker, streams
        self._watchers: list[asyncio.Task[None]] = []
        self._lock: int | None = None

    @property
    def children(self) -> list[Child]:
        """Everything that was started."""
        return [*([self.redis] if self.redis else []), *self.services]

    async def start(self) -> None:
        """Start everything and return when it is ready. Raises CannotStart; then call ``stop`` all the same."""
        settings = self.settings
        deadline = time.monotonic() + settings.start_timeout_s
        preflight.prepare_folder(settings.data_dir)
        self._lock = await self._take_folder()
        preflight.check_port(settings)
        state.write(settings.data_dir, settings.url, ready=False)
        variables = environment(settings, await self._start_redis(), self.key)
        await self._start_service("api", self._api, variables)
        for number, place in enumerate(places(settings.worker_processes), 1):
            name = f"worker-{number}" if settings.worker_processes > 1 else "worker"
            await self._start_service(name, self._worker, at_place(variables, place))
        while not await self._ready():
            await self._pause(deadline, "the system is not ready")
        for number in range(1, settings.stream_services + 1):  # last: the first answer does not wait for its imports
            name = f"streams-{number}" if settings.stream_services > 1 else "streams"
            await self._start_service(name, self._streams, variables)
        self._watchers = [asyncio.create_task(child.watch()) for child in self.children]

    async def stop(self) -> bool:
        """Let the services finish what runs, then end redis-server; True when nothing had to be killed."""
        results = await asyncio.gather(*(child.stop(self.settings.drain_timeout_s) for child in self.services))
        if self.redis:
            results.append(await self.redis.stop(REDIS_STOP_S))
        await asyncio.gather(*self._watchers)
        if self._lock is not None:
            state.clear(self.settings.data_dir)
            os.close(self._lock)
            self._lock = None
        return all(results)

    def kill(self) -> None:
        """End everything at once."""
        for child in self.children:
            child.kill()

    async def _take_folder(self) -> int:
        """The lock of the data folder; what a killed predecessor left behind gets a moment to end."""
        for _ in range(50):
            with contextlib.suppress(CannotStart):
                return preflight.lock_folder(self.settings.data_dir)
            await asyncio.sleep(0.1)
        return preflight.lock_folder(self.settings.data_dir)

    async def _start_redis(self) -> str:
        """The URL of the Redis to use. Nobody waits for our own: it answers before the services have been imported."""
        url = self.settings.redis_url
        if url is not None:
            if not await answers(url):
                raise CannotStart("the Redis of REDIS_URL does not answer; start it, or unset REDIS_URL to embed one")
            return url
        port = preflight.free_port()
        folder = (self.settings.data_dir / "redis").resolve()
        url, socket = redis_server.protect(folder, port), redis_server.socket_in(folder)
        command = redis_server.command(
            *(preflight.redis_binary(), port, folder, self.settings.redis_max_memory_mb), protected=True, socket=socket
        )
        url = redis_server.by_socket(url, socket) if socket else url
        self.redis = self._child("redis", command, environment(self.settings, url, ""), keep_open=[self._lock or 0])
        await self.redis.start()
        return url

    async def _start_service(self, name: str, command: Sequence[str], variables: Mapping[str, str]) -> None:
        child = self._child(name, command, variables)
        self.services.append(child)
        await child.start()

    def _child(
        self, name: str, command: Sequence[str], variables: Mapping[str, str], keep_open: Sequence[int] = ()
    ) -> Child:
        return Child(Service(name, command, variables, self.settings.data_dir / "logs" / f"{name}.log", keep_open))

    async def _ready(self) -> bool:
        wanted = self.settings.worker_processes
        with contextlib.suppress(NoAnswer):
            await asyncio.to_thread(get_json, f"{self.settings.url}/readiness")
            fleet = await asyncio.to_thread(get_json, f"{self.settings.url}/v1/fleet", 5.0, self.key)
            return len([worker for worker in fleet["workers"] if worker["state"] == "ready"]) >= wanted
        return False

    async def _pause(self, deadline: float, problem: str) -> None:
        """Wait a little for the start to go on. Raises CannotStart when a child ended or time is up."""
        for child in self.children:
            if child.returncode is not None:
                raise CannotStart(
                    f"{child.service.name} ended at start (exit status {child.returncode}); see {child.service.log}",
                    child.last_lines(),
                )
        if time.monotonic() > deadline:
            raise CannotStart(
                f"{problem} after {self.settings.start_timeout_s:.0f} s; see {self.settings.data_dir / 'logs'}"
                " or raise VISIONFLEET_START_TIMEOUT_S"
            )
        await asyncio.sleep(0.1)


async def answers(redis_url: str) -> bool:
    """Whether the Redis there answers PING, its data loaded."""
    from shared.redis import RedisError, connect_async  # noqa: PLC0415 - a fifth of a second, for a Redis elsewhere only
    from shared.settings import RedisSettings  # noqa: PLC0415

    client = connect_async(RedisSettings(redis_url=redis_url))
    try:
        return bool(await client.ping())
    except (RedisError, OSError):
        return False
    finally:
        await client.aclose()
