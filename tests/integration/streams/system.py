"""Redis, workers and stream services as real processes, and the API's view of streams, for tests that break them."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from shared import keys
from shared.errors import QueueUnavailable, StreamNotFound
from shared.redis import connect_async
from shared.settings import RedisSettings
from shared.streams.records import Stream
from shared.streams.settings import StreamLimits
from shared.streams.spec import PipelineSpec
from shared.streams.store import StreamStore

ROOT = Path(__file__).resolve().parents[3]
MODEL = {"model_id": "shapes-detector", "params": {"confidence": 0.4}}


class Process:
    """One of our services."""

    def __init__(self, module: str, log: Path, variables: dict[str, str]) -> None:
        self.log = log
        environment = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module], cwd=ROOT, env=environment, stdout=output, stderr=output
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(10)

    def ended(self, seconds: float) -> int:
        return self._process.wait(seconds)


class System:
    """Everything on one Redis."""

    def __init__(self, redis_url: str, folder: Path) -> None:
        self.folder = folder
        self.variables = {
            "VISIONFLEET_REDIS_URL": redis_url,
            "VISIONFLEET_MODEL_DIRS": str(ROOT / "models"),
            "VISIONFLEET_PRELOAD_MODELS": "shapes-detector",
            "VISIONFLEET_INTRA_OP_THREADS": "1",
            "VISIONFLEET_LEASE_MS": "2000",
            "VISIONFLEET_STREAM_ALLOW_LOOPBACK": "true",
            "VISIONFLEET_STREAM_FOLDERS": json.dumps([str(folder), str(ROOT / "examples")]),
            "VISIONFLEET_STREAM_OUTPUT_DIR": str(folder / "out"),
            "VISIONFLEET_STREAM_STALL_TIMEOUT_S": "3",
            "VISIONFLEET_STREAM_BACKOFF_S": "0.2",
            "VISIONFLEET_STREAM_LEASE_S": "3",
            "VISIONFLEET_WORKFLOW_PLUGINS": "tests.streams.plugin",
        }
        self.processes: list[Process] = []
        self._redis = RedisSettings(redis_url=redis_url)
        self.connect()

    def connect(self) -> None:
        """Connect on the present event loop."""
        self._client = connect_async(self._redis)
        self.store = StreamStore(self._client, StreamLimits())

    async def disconnect(self) -> None:
        await self._client.aclose()

    def start(self, module: str, **variables: str) -> Process:
        log = self.folder / f"{module}-{len(self.processes)}.log"
        process = Process(module, log, {**self.variables, **variables})
        self.processes.append(process)
        return process

    def worker(self) -> Process:
        return self.start("worker_service")

    def streams(self, **variables: str) -> Process:
        return self.start("stream_service", **variables)

    async def ready(self, services: int = 1, seconds: float = 90) -> None:
        await self.until(lambda: self._alive(services), "stream services", seconds)
        await self.until(self._serves, "a worker with the model", seconds)

    async def everything_of(self, stream_id: str) -> list[dict[str, Any]]:
        """Consume a stream to its end."""
        found: list[dict[str, Any]] = []

        async def took_all() -> bool:
            while result := await self.store.consume(stream_id):
                found.append(result)
            return bool((await self.store.get(stream_id)).over)

        await self.until(took_all, "the end of the stream", 50)
        while result := await self.store.consume(stream_id):
            found.append(result)
        return found

    async def waiting_jobs(self) -> int:
        """Jobs in all queues."""
        queues = [name async for name in self._client.scan_iter("vf:q:*")]
        return sum([await self._client.xlen(name) for name in queues])

    async def create(self, *references: str, model: bool = True, **fields: Any) -> str:
        spec = {"sources": [{"reference": one, "read_timeout_s": 1.0} for one in references], **fields}
        return await self.store.create(PipelineSpec.model_validate({**spec, **({"model": MODEL} if model else {})}))

    async def consumed(self, stream_id: str, seconds: float = 30) -> dict[str, Any]:
        """The next buffered result."""
        found: list[dict[str, Any]] = []

        async def take() -> bool:
            result = await self.store.consume(stream_id)
            found.extend([result] if result else [])
            return bool(found)

        await self.until(take, "a result", seconds)
        return found[0]

    async def source(self, stream_id: str, name: str = "0") -> dict[str, Any]:
        status = (await self.store.get(stream_id)).status
        return dict(status.get("sources", {}).get(name) or {"state": "none", "counts": {}})

    async def flowing(self, stream_id: str, more: int = 3, name: str = "0", seconds: float = 30) -> None:
        """Wait until ``more`` results than now have come."""
        before = (await self.source(stream_id, name))["counts"].get("ok", 0)

        async def came() -> bool:
            counts = (await self.source(stream_id, name))["counts"]
            now = counts.get("ok", 0)
            return now >= before + more or (now < before and now >= more)  # a new owner counts anew

        await self.until(came, f"{more} more results of {stream_id}", seconds)

    async def until_source(self, stream_id: str, condition: Callable[[dict[str, Any]], bool], what: str) -> None:
        async def holds() -> bool:
            return condition(await self.source(stream_id))

        await self.until(holds, what)

    async def until_stream(self, stream_id: str, condition: Callable[[Stream], bool], what: str) -> Stream:
        found: list[Stream] = []

        async def holds() -> bool:
            found[:] = [await self.store.get(stream_id)]
            return condition(found[0])

        await self.until(holds, what)
        return found[0]

    async def until(self, condition: Callable[[], Any], what: str, seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                if await condition():
                    return
            except (QueueUnavailable, StreamNotFound):
                pass
            await asyncio.sleep(0.05)
        raise AssertionError(f"not within {seconds} s: {what}\n{self.logs()}")

    async def _alive(self, services: int) -> bool:
        return len(await self.store.streamers()) == services

    async def _serves(self) -> bool:
        return bool(await self._client.hexists(keys.catalog("cpu"), MODEL["model_id"]))

    def logs(self) -> str:
        return "\n".join(f"{one.log.name}:\n{one.log.read_text()[-3000:]}" for one in self.processes)

    def kill(self) -> None:
        for process in self.processes:
            process.kill()
