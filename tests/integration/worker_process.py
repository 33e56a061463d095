"""Real worker processes for tests, which may be killed, stopped and continued in the middle of one."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from shared.fleet.state import WorkerInfo
from shared.fleet.view import FleetView
from shared.jobs import JobRecord
from shared.queue.dispatcher import Dispatcher
from shared.settings import QueueSettings, RedisSettings

ROOT = Path(__file__).resolve().parents[2]
MAIN = ("-m", "worker_service")


class WorkerProcess:
    """``python -m worker_service``, called ``name`` in the fleet."""

    def __init__(self, name: str, log: Path, command: tuple[str, ...], **settings: str) -> None:
        self.name = name
        self.log = log
        variables = {f"VISIONFLEET_{key.upper()}": value for key, value in settings.items()}
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, *command],
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT), "VISIONFLEET_WORKER_NAME": name, **variables},
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @property
    def returncode(self) -> int | None:
        return self._process.poll()

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL, which also ends a stopped process."""
        self._process.kill()
        self._process.wait(10)

    async def ended(self, seconds: float) -> int:
        """The exit status, once it has ended."""
        return await asyncio.to_thread(self._process.wait, seconds)

    def said(self, word: str) -> bool:
        """Whether the log has the word."""
        return word in self.log.read_text()


class Bench:
    """Redis, a dispatcher as an API process has it, and the workers of one test."""

    def __init__(self, redis_url: str, models: Path, logs: Path, **settings: str) -> None:
        self.settings = {
            "redis_url": redis_url,
            "model_dirs": str(models),
            "preload_models": "dial",
            "lease_ms": "1000",
            **settings,
        }
        queue = QueueSettings(lease_ms=int(self.settings["lease_ms"]))
        self.dispatcher = Dispatcher(RedisSettings(redis_url=redis_url), queue)
        self.fleet = FleetView(RedisSettings(redis_url=redis_url), queue)
        self.workers: dict[str, WorkerProcess] = {}
        self._logs = logs

    def start(self, name: str, command: tuple[str, ...] = MAIN, **settings: str) -> WorkerProcess:
        """Start a worker; ``ready`` waits for it."""
        log = self._logs / f"{name}.log"
        self.workers[name] = WorkerProcess(name, log, command, **{**self.settings, **settings})
        return self.workers[name]

    async def ready(self, *names: str) -> list[WorkerProcess]:
        """Start the workers and wait until each takes jobs."""
        started = [self.start(name) for name in names]
        await asyncio.gather(*map(self.up, names))
        return started

    async def up(self, name: str) -> WorkerInfo:
        """Wait until the worker reports that it is ready."""
        return await self.until(lambda worker: worker.id == name and worker.state == "ready", f"{name} ready")

    async def holding(self, name: str, model: str) -> WorkerInfo:
        """Wait until the worker reports that it holds the model."""

        def holds(worker: WorkerInfo) -> bool:
            return worker.id == name and any(held["id"] == model for held in worker.held)

        return await self.until(holds, f"{name} holding {model}")

    async def until(self, condition: Callable[[WorkerInfo], bool], what: str, seconds: float = 60) -> WorkerInfo:
        """Wait until a worker is as ``condition`` says."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for worker in (await self.fleet.snapshot(fresh=True)).workers:
                if condition(worker):
                    return worker
            await asyncio.sleep(0.05)
        logs = "\n".join(f"{name}: {worker.log.read_text()[-2000:]}" for name, worker in self.workers.items())
        raise AssertionError(f"not within {seconds} s: {what}\n{logs}")

    async def saying(self, name: str, word: str, seconds: float = 60) -> None:
        """Wait until the worker's log has the word."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.workers[name].said(word):
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"{name} did not say {word!r}:\n{self.workers[name].log.read_text()[-2000:]}")

    async def running(self, job_id: str, *, attempt: int = 1, seconds: float = 60) -> JobRecord:
        """Wait until a worker has taken the job for the ``attempt``-th time."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            record = await self.dispatcher.get(job_id)
            if record.state == "running" and record.attempt >= attempt:
                return record
            await asyncio.sleep(0.01)
        raise AssertionError(f"nobody took the job for the {attempt}. time within {seconds} s: {record}")

    async def close(self) -> None:
        for worker in self.workers.values():
            if worker.returncode is None:
                worker.kill()
        with contextlib.suppress(ConnectionError):
            await self.dispatcher.close()
            await self.fleet.close()
