"""A test camera as a process: killed, stalled, started again, or changing its resolution in the middle of a test."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

from typing_extensions import Self

from tests.cameras.film import number_of
from tests.cameras.server import CREDENTIALS
from tests.redis_server import free_port

ROOT = Path(__file__).resolve().parents[2]


class Camera:
    """An RTSP camera of ``size`` (width, height) pixels on a port that it keeps when it is started again."""

    def __init__(self, size: tuple[int, int] = (640, 360), fps: int = 15, pictures: int = 120) -> None:
        self.size, self.fps, self.pictures = size, fps, pictures
        self.port = free_port()
        self.started = 0.0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """A path that plays."""
        return f"rtsp://127.0.0.1:{self.port}/cam"

    def path(self, path: str, credentials: str = "") -> str:
        """Another path: ``cam/7`` (as many cameras as wanted), ``secret``, ``silent``, or one that there is not."""
        return f"rtsp://{credentials + '@' if credentials else ''}127.0.0.1:{self.port}/{path}"

    @property
    def secret(self) -> str:
        """The path that asks for a password, with the right one."""
        return self.path("secret", CREDENTIALS)

    def start(self) -> Self:
        """Start it; returns when it listens."""
        numbers = (self.port, *self.size, self.fps, self.pictures)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.cameras.server", *map(str, numbers)], cwd=ROOT, stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        with self._process.stdout as said:
            word, _, when = said.readline().decode().partition(" ")
        assert word == "ready", "the test camera did not start"
        self.started = float(when)
        return self

    def age_of(self, image: object, now: float | None = None) -> float:
        """Seconds since the camera sent this picture (BGR), told by its bar code; right modulo the film's length."""
        number = number_of(image)  # type: ignore[arg-type]
        return ((time.time() if now is None else now) - self.started - number / self.fps) % (self.pictures / self.fps)

    def stall(self) -> None:
        """The connection stays and nothing comes any more."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._signal(signal.SIGCONT)

    def change_size(self) -> None:
        """Half the size from the next key frame on, or full size again."""
        self._signal(signal.SIGUSR1)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.kill()

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)
