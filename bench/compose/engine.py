"""Docker Compose from Python: one project, brought up, scaled, broken and taken down."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.redis_server import free_port

ROOT = Path(__file__).resolve().parents[2]
CRASH = "kill -9 -1"
"""Inside a container: everything but its init, which then ends as after a crash, so that Docker starts it again."""


class Project:
    """A project of its own, whatever else runs on the engine. Raises RuntimeError when Docker refuses."""

    def __init__(self, profiles: Sequence[str], **variables: str) -> None:
        self.name = f"visionfleet-test-{os.getpid()}"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._profiles = [word for profile in profiles for word in ("--profile", profile)]
        self._environment = {**os.environ, "PORT": str(self.port), "COMPOSE_ANSI": "never", **variables}

    def compose(self, *words: str, given: bytes | None = None) -> str:
        """What the command said."""
        return self.docker("compose", "-p", self.name, *self._profiles, *words, given=given)

    def docker(self, *words: str, given: bytes | None = None) -> str:
        """What the command said on stdout."""
        done = self._run(words, given)
        if done.returncode:
            raise RuntimeError(f"docker {' '.join(words)}: {done.stderr.decode()[-2000:]}")
        return done.stdout.decode()

    def _run(self, words: Sequence[str], given: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
        command = ["docker", *words]
        return subprocess.run(command, check=False, cwd=ROOT, env=self._environment, input=given, capture_output=True)

    def containers(self, service: str) -> list[dict[str, Any]]:
        """The containers of a service, as ``docker inspect`` shows them."""
        ids = self.compose("ps", "--all", "--quiet", service).split()
        found: list[dict[str, Any]] = json.loads(self.docker("inspect", *ids)) if ids else []
        return found

    def healthy(self, service: str, count: int = 1) -> bool:
        """Whether exactly so many containers of the service run, all healthy or without a health check."""
        states = [one["State"] for one in self.containers(service) if one["State"]["Running"]]
        return len(states) == count and all(
            one.get("Health", {}).get("Status", "healthy") == "healthy" for one in states
        )

    def until(self, condition: Callable[[], bool], what: str, seconds: float = 300) -> float:
        """Wait for it. Returns the seconds it took. Raises AssertionError."""
        began = time.monotonic()
        while not condition():
            if time.monotonic() - began > seconds:
                raise AssertionError(f"not within {seconds:.0f} s: {what}\n{self.compose('ps', '--all')}")
            time.sleep(0.2)
        return time.monotonic() - began

    def scale(self, service: str, count: int) -> float:
        """Seconds until that many are healthy."""
        began = time.monotonic()
        self.compose("up", "-d", "--no-recreate", "--no-build", "--scale", f"{service}={count}")
        self.until(lambda: self.healthy(service, count), f"{count} of {service}")
        return time.monotonic() - began

    def crash(self, service: str) -> float:
        """SIGKILL for all processes of its first container. Returns the seconds until Docker has it healthy again."""
        container = self.containers(service)[0]
        count = len([one for one in self.containers(service) if one["State"]["Running"]])
        before = container["RestartCount"]
        self._run(("exec", container["Id"], "sh", "-c", CRASH))  # it ends as badly as what it kills

        def restarted() -> bool:
            now = json.loads(self.docker("inspect", container["Id"]))[0]
            return bool(now["RestartCount"] > before) and self.healthy(service, count)

        return self.until(restarted, f"{service} again after a crash")

    def sizes(self) -> dict[str, float]:
        """MB of each image of ours."""
        found: dict[str, float] = {}
        for image in {line for line in self.compose("config", "--images").split() if line.startswith("visionfleet/")}:
            found[image] = int(self.docker("image", "inspect", "-f", "{{.Size}}", image)) / 1e6
        return found

    def down(self) -> None:
        """Take everything away, data included."""
        self.compose("down", "--volumes", "--timeout", "60")
