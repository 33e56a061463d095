"""The worker's end of a Python block's process: start it, call it within its time, end it."""

from __future__ import annotations

import os
import select
import struct
import subprocess
import time
from typing import Any

from shared.codec import pack, unpack
from shared.errors import DeadlineExceeded, InvalidRequest, TooLarge
from shared.workflows.python.spare import SPARES, Launched
from shared.workflows.python.values import pack_value, unpack_value
from shared.workflows.settings import WorkflowSettings

HEAD = struct.Struct(">I")
MAX_ANSWER = 512 * 2**20
START_S = 60.0
"""Its imports take seconds on a busy machine; only the code itself is held to its time."""


class CodeFailed(InvalidRequest):
    """The code of a Python block raised; the message tells what, and the line."""

    code = "python_block_failed"


class PythonProcess:
    """One process, a spare one or started at the first call."""

    def __init__(self, setup: dict[str, Any], settings: WorkflowSettings) -> None:
        """``setup``: code, imports, names of the run and init functions, the step's name."""
        self._setup = {**setup, "memory": settings.workflow_python_memory}
        self._timeout_s = settings.workflow_python_timeout_s
        self._spares = settings.workflow_python_spares
        self._launched: Launched | None = None

    def call(self, fields: dict[str, Any]) -> Any:
        """What the code answers. Raises CodeFailed, DeadlineExceeded; the process is gone after the latter."""
        first = self._launched is None
        data = pack({name: pack_value(value) for name, value in fields.items()})
        limit = self._timeout_s + (START_S if first else 0)
        try:
            process = self._start() if self._launched is None else self._launched.process
            self._send(process, data)
            answer = unpack(self._receive(process, time.monotonic() + limit))
        except (OSError, EOFError) as error:
            self.close()
            raise CodeFailed("The Python block's process ended: it went over its limits, or crashed.") from error
        if "error" in answer:
            failed = answer["error"]
            where = f" in line {failed['line']}" if failed["line"] else ""
            raise CodeFailed(f"The Python block raised {failed['type']}{where}: {failed['message']}")
        return unpack_value(answer["value"])

    def close(self) -> None:
        """End the process."""
        if self._launched is not None:
            self._launched.end()
            self._launched = None

    def _start(self) -> subprocess.Popen[bytes]:
        self._launched = SPARES.take(self._spares)
        self._send(self._launched.process, pack(self._setup))
        return self._launched.process

    @staticmethod
    def _send(process: subprocess.Popen[bytes], data: bytes) -> None:
        if process.stdin is None:
            raise EOFError
        process.stdin.write(HEAD.pack(len(data)) + data)
        process.stdin.flush()

    def _receive(self, process: subprocess.Popen[bytes], deadline: float) -> bytes:
        (length,) = HEAD.unpack(self._exactly(process, HEAD.size, deadline))
        if length > MAX_ANSWER:
            self.close()
            raise TooLarge(f"The Python block answered with {length} bytes; {MAX_ANSWER} is the most.")
        return self._exactly(process, length, deadline)

    def _exactly(self, process: subprocess.Popen[bytes], count: int, deadline: float) -> bytes:
        if process.stdout is None:
            raise EOFError
        found = bytearray()
        while len(found) < count:
            ready, _, _ = select.select([process.stdout], [], [], max(deadline - time.monotonic(), 0))
            if not ready:
                self.close()
                raise DeadlineExceeded(
                    f"The Python block ran longer than {self._timeout_s:g} s (VISIONFLEET_WORKFLOW_PYTHON_TIMEOUT_S)."
                )
            part = os.read(process.stdout.fileno(), count - len(found))
            if not part:
                raise EOFError
            found += part
        return bytes(found)
