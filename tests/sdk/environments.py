"""The environments of script/sdk and the driver in each."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.launcher import ROOT

VERSIONS = ("1.8.3", "1.5.0", "0.30.0")


def python_of(version: str) -> Path:
    """The environment's interpreter. Where script/sdk could not make it the test skips, in CI it fails."""
    folder = ROOT / f".venv-sdk-{version}"
    if (folder / "state").exists():
        return folder / "bin" / "python"
    reason = f"there is no {folder.name}; run: script/sdk"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def clean() -> dict[str, str]:
    """An environment without proxies and keys, which the SDK would use."""
    dropped = ("PROXY", "ROBOFLOW", "API_KEY", "PYTHONPATH")
    return {name: value for name, value in os.environ.items() if not any(word in name.upper() for word in dropped)}


class CallFailed(Exception):
    """The SDK raised; ``kind`` is the class of its error, ``status`` the HTTP status if it tells."""

    def __init__(self, kind: str, status: int | None, message: str) -> None:
        super().__init__(f"{kind} ({status}): {message}")
        self.kind, self.status, self.message = kind, status, message


@dataclass
class Sdk:
    """One version of inference-sdk in its own process, pointed at a server."""

    version: str
    url: str
    process: subprocess.Popen[str]

    def call(self, method: str, *args: Any, **options: Any) -> Any:
        """One method of its client. Options are those of the driver, the rest are the method's. Raises CallFailed."""
        return self._ask(self.prepared(method, *args, **options))

    def together(self, *calls: dict[str, Any]) -> list[Any]:
        """Asynchronous methods at the same time."""
        found: list[Any] = self._ask({"together": list(calls)})
        return found

    def prepared(self, method: str, *args: Any, **options: Any) -> dict[str, Any]:
        driver = {name: options.pop(name) for name in ("key", "mode", "config", "select") if name in options}
        return {"url": self.url, "method": method, "args": args, "kwargs": options, **driver}

    def _ask(self, call: dict[str, Any]) -> Any:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(call) + "\n")
        self.process.stdin.flush()
        answer = json.loads(
            self.process.stdout.readline() or '{"error": {"type": "Died", "status": null, "message": ""}}'
        )
        if "error" in answer:
            error = answer["error"]
            raise CallFailed(error["type"], error["status"], error["message"])
        return answer["ok"]


def start(version: str, url: str, log: Path) -> Sdk:
    """Start the driver in the version's environment."""
    with log.open("wb") as file:
        process = subprocess.Popen(
            [str(python_of(version)), str(Path(__file__).with_name("driver.py"))],
            cwd=log.parent,
            env=clean(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=file,
            text=True,
        )
    return Sdk(version, url, process)


def stop(sdk: Sdk) -> None:
    assert sdk.process.stdin
    assert sdk.process.stdout
    sdk.process.stdin.close()
    sdk.process.wait(timeout=20)
    sdk.process.stdout.close()


def run(version: str, *arguments: str, cwd: Path, timeout_s: float = 120) -> subprocess.CompletedProcess[str]:
    """A command of the environment, such as ``-m inference_cli.main``."""
    return subprocess.run(
        [str(python_of(version)), *arguments],
        cwd=cwd,
        env=clean(),
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


def image(path: Path | str, kind: str = "path") -> dict[str, str]:
    """An image as the driver takes it."""
    return {"$image": str(path), "as": kind}
