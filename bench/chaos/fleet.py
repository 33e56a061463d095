"""The system under test: redis-server, API replicas and workers as processes of their own, each behind a proxy."""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path
from typing import Any

from bench.chaos import skew
from bench.chaos.history import History
from bench.chaos.process import Process
from bench.chaos.web import Api, Broken
from tests.integration import dial_model as dial
from tests.redis_server import RedisServer, free_port

START_S = 90.0
SYNC_TIMEOUT_S = 20.0


class Fleet:
    """``redis`` is reached by nobody but the proxies and the audit."""

    def __init__(self, folder: Path, history: History, *, apis: int, workers: int, lease_s: float) -> None:
        self.lease_s = lease_s
        self.history = history
        self.redis = RedisServer(folder)
        self._skew = skew.build(folder)
        shared = {
            "lease_ms": str(int(lease_s * 1000)),
            "data_dir": str(folder / "data"),
            "request_timeout_s": str(SYNC_TIMEOUT_S),
            "redis_timeout_s": "5",
            "webhook_allow_http": "true",
            "webhook_allow_private": "true",
            "webhook_ports": "[]",
            "webhook_timeout_s": "4",
        }
        (folder / "data").mkdir(exist_ok=True)
        engine = {
            "model_dirs": str(dial.repository(folder / "models")),
            "preload_models": "dial",
            "intra_op_threads": "1",
            "spinning": "false",
        }
        ports = [free_port() for _ in range(apis)]
        self.urls = [f"http://127.0.0.1:{port}" for port in ports]
        self.apis = [
            self._process(f"api-{n}", "api_service", folder, {**shared, "port": str(port)})
            for n, port in enumerate(ports, 1)
        ]
        self.workers = [
            self._process(f"worker-{n}", "worker_service", folder, {**shared, **engine, "worker_name": f"worker-{n}"})
            for n in range(1, workers + 1)
        ]

    @property
    def processes(self) -> list[Process]:
        """All but Redis."""
        return [*self.apis, *self.workers]

    async def start(self, api: Api) -> None:
        """Start everything and return when each worker is ready and each replica answers."""
        await asyncio.to_thread(self.redis.start)
        for process in self.processes:
            await process.start(self.history)
        if not await self.whole(api, START_S):
            raise RuntimeError(f"the fleet is not up after {START_S} s")

    async def whole(self, api: Api, seconds: float) -> bool:
        """Whether, within so many seconds, every worker says that it is ready and every replica knows it."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with contextlib.suppress(Broken):
                views = [await self.ready(api, url) for url in self.urls]
                if all(len(view) == len(self.workers) for view in views):
                    return True
            await asyncio.sleep(0.3)
        return False

    async def ready(self, api: Api, url: str | None = None) -> list[str]:
        """Names of the workers that say that they are ready, and whose process is the one that says so."""
        answer = await api.ask("GET", "/v1/fleet", url=url)
        pids = {worker.name: worker.pid for worker in self.workers if not worker.stopped}
        listed: list[dict[str, Any]] = answer.body.get("workers", []) if answer.status == 200 else []
        return [worker["id"] for worker in listed if worker["state"] == "ready" and _is(worker, pids)]

    def heal(self) -> None:
        """End every fault that lasts."""
        for process in self.processes:
            process.proxy.heal()
            if process.stopped:
                process.resume()

    def end(self) -> None:
        """Kill everything."""
        for process in self.processes:
            process.end()
        self.redis.kill()

    def _process(self, name: str, module: str, folder: Path, variables: dict[str, str]) -> Process:
        return Process(name, module, folder, self.redis.port, self._skew, variables)


def _is(worker: dict[str, Any], pids: dict[str, int]) -> bool:
    return bool(worker["pid"] == pids.get(worker["id"]))
