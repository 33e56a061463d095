"""One supervised process: started, watched, started again when it crashes, and ended with all its offspring."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.local.backoff import Backoff
from deploy.local.errors import CannotStart

PR_SET_PDEATHSIG = 1  # linux/prctl.h

# Loaded before any fork: the child may call nothing that takes a lock.
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def _die_with_parent() -> None:
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


@dataclass(frozen=True)
class Service:
    """What to run. ``keep_open`` are file descriptors that the process inherits."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    keep_open: Sequence[int] = ()


class Child:
    """A running service. ``watch`` restarts it until ``stop`` is called."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.restarts = 0
        self._backoff = Backoff()
        self._stopping = asyncio.Event()
        self._turn = asyncio.Lock()  # held while a restart is under way, so that stop() ends what it started
        self._process: asyncio.subprocess.Process | None = None
        self._started = 0.0

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    @property
    def returncode(self) -> int | None:
        """How the last run ended; None while it runs."""
        return self._process.returncode if self._process is not None else None

    async def start(self) -> None:
        """Start the process in a session of its own, so that Ctrl-C reaches only us and we end it in order.

        Raises CannotStart when the program cannot be executed.
        """
        self._started = time.monotonic()
        with self.service.log.open("ab") as log:
            try:
                self._process = await asyncio.create_subprocess_exec(
                    *self.service.command,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=dict(self.service.environment),
                    pass_fds=tuple(self.service.keep_open),
                    start_new_session=True,
                    preexec_fn=_die_with_parent,
                )
            except OSError as error:
                raise CannotStart(f"{self.service.name} cannot be run: {error}") from error

    async def watch(self) -> None:
        """Start it again whenever it ends, with growing delays, until ``stop``."""
        while self._process is not None and not self._stopping.is_set():
            await self._process.wait()
            self._kill_group()
            if self._stopping.is_set():
                return
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), self._backoff.after(time.monotonic() - self._started))
                return
            async with self._turn:
                if self._stopping.is_set():
                    return
                self.restarts += 1
                with contextlib.suppress(CannotStart):  # tried again after the next delay
                    await self.start()

    async def stop(self, timeout_s: float) -> bool:
        """SIGTERM, then SIGKILL after ``timeout_s`` seconds; True when it ended by itself."""
        self._stopping.set()
        async with self._turn:
            pass
        if self._process is None or self._process.returncode is not None:
            return True
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), timeout_s)
        except asyncio.TimeoutError:
            self._kill_group()
            await self._process.wait()
            return False
        self._kill_group()
        return True

    def kill(self) -> None:
        """SIGKILL now, with all offspring."""
        self._stopping.set()
        self._kill_group()

    def last_lines(self, count: int = 15) -> str:
        """The end of its log."""
        with contextlib.suppress(OSError):
            return "\n".join(self.service.log.read_text(errors="replace").splitlines()[-count:])
        return ""

    def _kill_group(self) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
