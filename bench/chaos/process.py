"""One service process under a supervisor: killed, stopped and cut off by nemeses, started again when it ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from bench.chaos import skew
from bench.chaos.history import History
from bench.chaos.proxy import Proxy

RESTART_S = 0.5
POLL_S = 0.1


class Process:
    """``python -m module``, which reaches Redis through a proxy of its own. ``skew_s`` sets its next clock.

    The monotonic clock stays as it is: a machine whose time is wrong does not count seconds wrongly.
    """

    def __init__(
        self, name: str, module: str, folder: Path, redis_port: int, library: Path | None, variables: Mapping[str, str]
    ) -> None:
        self.name = name
        self.proxy = Proxy(redis_port)
        self.skew_s = 0
        self.stopped = False
        self._command = (sys.executable, "-m", module)
        self._variables = dict(variables)
        self._log = folder / f"{name}.log"
        self._skew_library = library
        self._process: subprocess.Popen[bytes] | None = None
        self._killed = False
        self._ending = False
        self._keeper: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        """The process id; 0 while there is none."""
        return self._process.pid if self._process is not None and self._process.poll() is None else 0

    async def start(self, history: History) -> None:
        """Start it and keep it alive."""
        await self.proxy.start()
        self._spawn()
        self._keeper = asyncio.create_task(self._keep(history))

    def kill(self) -> None:
        """SIGKILL. The supervisor starts it again."""
        self._killed = True
        self._signal(signal.SIGKILL)

    def stop(self) -> None:
        """SIGSTOP: it hangs as a whole and does not know it."""
        self.stopped = True
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)
        self.stopped = False

    def end(self) -> None:
        """SIGKILL, and no restart."""
        self._ending = True
        self.kill()
        if self._keeper is not None:
            self._keeper.cancel()
        if self._process is not None:
            self._process.wait(10)
        self.proxy.close()

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    def _spawn(self) -> None:
        variables = {f"VISIONFLEET_{name.upper()}": value for name, value in self._variables.items()}
        variables["VISIONFLEET_REDIS_URL"] = f"redis://127.0.0.1:{self.proxy.port}/0"
        variables |= skew.variables(self._skew_library, self.skew_s)
        self._killed = False
        self.stopped = False
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                env=os.environ | variables,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    async def _keep(self, history: History) -> None:
        while not self._ending:
            await asyncio.sleep(POLL_S)
            if self._process is None or self._process.poll() is None:
                continue
            if not self._killed:
                history.note("exit", name=self.name, code=self._process.returncode)
            await asyncio.sleep(RESTART_S)
            if not self._ending:
                self._spawn()
