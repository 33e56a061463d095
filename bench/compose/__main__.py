"""Everything that the CPU profile must stand: work of each kind, scaling under load, a crash of each container.

    python -m bench.compose [--json] [--only WORD...]

Needs a Docker engine with Compose v2 and the built images (``script/test-compose`` builds them). Exits 1 when a request
failed that should not have, or a job or stream was lost.
"""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import av
import numpy as np
import requests
from PIL import Image

from bench import report
from bench.compose.engine import ROOT, Project
from bench.compose.load import PICTURE, Caller, Load

FRAMES = 60
JOBS = 8
CRASHED = ("worker", "api", "background", "streams", "gateway", "redis")
OPEN = {"WEBHOOK_ALLOW_HTTP": "true", "WEBHOOK_ALLOW_PRIVATE": "true", "WEBHOOK_PORTS": "[]"}


class Run:
    """One run; each step adds a row, a broken promise adds a problem."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.rows: list[dict[str, Any]] = []
        self.problems: list[str] = []
        self.caller = Caller(project.url, "")

    def step(self, name: str, seconds: float, result: str = "", good: bool = True) -> None:
        """Note what a step came to."""
        self.rows.append({"step": name, "s": round(seconds, 1), "result": result})
        sys.stderr.write(f"{name}: {seconds:.1f} s {result}\n")
        if not good:
            self.problems.append(f"{name}: {result}")

    def up(self) -> None:
        """The one command of a user, and the key."""
        began = time.monotonic()
        self.project.compose("up", "-d", "--no-build")
        self.project.until(lambda: self.project.healthy("worker") and self.project.healthy("api", 2), "up")
        self.project.until(lambda: self.caller.get("/readiness").status_code == 200, "ready through the gateway")
        self.step("up until ready", time.monotonic() - began)
        key = self.project.compose("exec", "-T", "api", "cat", "/run/admin/key").strip()
        refused = requests.get(f"{self.project.url}/v1/fleet", timeout=30).status_code
        self.step("without a key", 0, str(refused), refused == 401)
        self.caller = Caller(self.project.url, key)

    def hardened(self) -> None:
        """No container runs as root, can write to its root or has a capability; Redis is not published."""
        wrong = []
        for service in ("api", "worker", "background", "streams", "gateway", "redis"):
            facts = self.project.containers(service)[0]
            host = facts["HostConfig"]
            if facts["Config"]["User"] != "10001:10001" or not host["ReadonlyRootfs"] or host["CapDrop"] != ["ALL"]:
                wrong.append(service)
            if (service != "gateway") == bool(host["PortBindings"]):
                wrong.append(f"{service}: ports")
        self.step("hardened", 0, ", ".join(wrong) or "all", not wrong)

    def infer(self) -> None:
        """One synchronous request."""
        began = time.monotonic()
        with requests.Session() as session:
            outcome = self.caller.infer(session)
        self.step("first inference", time.monotonic() - began, outcome, outcome == "ok")

    def jobs(self) -> None:
        """Asynchronous jobs with a webhook, which a container of the same network receives."""
        name = f"{self.project.name}-receiver"
        image = self.project.containers("api")[0]["Config"]["Image"]
        script = f"{ROOT}/bench/compose/receiver.py:/receiver.py:ro"
        network = f"{self.project.name}_outside"
        self.project.docker(
            *("run", "-d", "--rm", "--name", name, "--network", network, "--network-alias", "receiver", "-v", script),
            *("--entrypoint", "python", image, "/receiver.py"),
        )
        try:
            began = time.monotonic()
            ids = {self.caller.job(webhook={"url": "http://receiver:8000/hook"}) for _ in range(JOBS)}
            self.succeed(ids)
            told = lambda: sum(job in self.project.docker("logs", name) for job in ids)  # noqa: E731 - used twice, here only
            self.project.until(lambda: told() == JOBS, "every webhook")
            self.step("jobs with webhooks", time.monotonic() - began, f"{told()} of {JOBS} told")
        finally:
            self.project.docker("rm", "-f", name)

    def succeed(self, ids: set[str], seconds: float = 180) -> None:
        """Wait until all have succeeded."""
        self.project.until(
            lambda: {self.caller.state(job) for job in ids} == {"succeeded"}, "all jobs succeeded", seconds
        )

    def stream(self) -> None:
        """A film in the volume, through the model, to its end."""
        put = ("exec", "-T", "streams", "sh", "-c", "cat > /data/videos/film.mp4")
        self.project.compose(*put, given=film())
        began = time.monotonic()
        body = {"sources": [{"reference": "/data/videos/film.mp4"}], "model": {"model_id": "shapes-detector"}}
        answer = requests.post(f"{self.project.url}/v1/streams", json=body, headers=self.caller.headers, timeout=60)
        answer.raise_for_status()
        path, found = f"/v1/streams/{answer.json()['id']}", {}

        def over() -> bool:
            found.update(self.caller.get(path).json())
            return found["state"] in {"ended", "failed"}

        self.project.until(over, "the film is over")
        done = sum(source["counts"].get("ok", 0) for source in found["status"]["sources"].values())
        self.step("stream of a film", time.monotonic() - began, f"{done} of {FRAMES} frames", done == FRAMES)

    def loaded(self, name: str, change: Callable[[], float], allowed: int = 0) -> None:
        """Change something while requests come in; at most ``allowed`` of them may fail."""
        with Load(self.caller, 4) as load:
            time.sleep(2)
            seconds = change()
            time.sleep(2)
        failed = sum(load.failures.values())
        told = f"{load.outcomes.total()} requests, {failed} failed {load.failures or ''}"
        self.step(name, seconds, told, failed <= allowed)

    def crash(self, service: str) -> None:
        """A container dies while jobs wait and requests come in. Accepted jobs all succeed."""
        ids = {self.caller.job() for _ in range(JOBS)}
        # Whoever was connected to the gateway, to that API process or waited for Redis is told so; nobody else.
        allowed = 0 if service in SILENT else 10_000
        self.loaded(f"crash of {service}", lambda: self.project.crash(service), allowed)
        self.succeed(ids)

    def restart(self) -> None:
        """An orderly restart of Redis, with jobs waiting."""
        ids = {self.caller.job() for _ in range(JOBS)}
        self.loaded("restart of redis", lambda: restart(self.project), 10_000)
        self.succeed(ids)

    def steps(self) -> dict[str, Callable[[], None]]:
        """Everything that is tried, by name, in order."""
        scale = self.project.scale
        return {
            "hardened": self.hardened,
            "infer": self.infer,
            "jobs": self.jobs,
            "stream": self.stream,
            "worker 1 to 3": lambda: self.loaded("scale workers 1 to 3", lambda: scale("worker", 3)),
            "worker 3 to 1": lambda: self.loaded("scale workers 3 to 1", lambda: scale("worker", 1)),
            "api 2 to 3": lambda: self.loaded("scale API 2 to 3", lambda: scale("api", 3)),
            "api 3 to 2": lambda: self.loaded("scale API 3 to 2", lambda: scale("api", 2)),
            **{f"crash of {service}": partial(self.crash, service) for service in CRASHED},
            "restart": self.restart,
        }


SILENT = ("worker", "background", "streams")
"""Whose crash no request may notice."""


def film() -> bytes:
    """An MP4 of the demo picture, moving."""
    picture = np.asarray(Image.open(io.BytesIO(PICTURE)).convert("RGB").resize((640, 480)))
    into = io.BytesIO()
    with av.open(into, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=20)
        stream.width, stream.height, stream.pix_fmt = 640, 480, "yuv420p"
        for number in range(FRAMES):
            frame = av.VideoFrame.from_ndarray(np.roll(picture, 2 * number, axis=1), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return into.getvalue()


def restart(project: Project) -> float:
    """An orderly restart of Redis."""
    began = time.monotonic()
    project.compose("restart", "redis")
    project.until(lambda: project.healthy("redis"), "redis again")
    return time.monotonic() - began


def main() -> int:
    """Run it all; the project is taken down whatever happens."""
    parser = report.parser(__doc__)
    parser.add_argument("--only", nargs="+", metavar="WORD", help="steps whose names contain one of these words")
    options = parser.parse_args()
    project = Project(("cpu", "streams"), **{f"VISIONFLEET_{name}": value for name, value in OPEN.items()})
    run = Run(project)
    try:
        for image, size in sorted(project.sizes().items()):
            run.step(image, 0, f"{size:.0f} MB")
        run.up()
        for name, step in run.steps().items():
            if not options.only or any(word in name for word in options.only):
                step()
    except (AssertionError, RuntimeError, requests.RequestException) as error:
        run.problems.append(str(error))
        sys.stderr.write(project.compose("logs", "--tail", "40"))
    finally:
        began = time.monotonic()
        project.down()
        run.step("down", time.monotonic() - began)
    report.show("compose", run.rows, as_json=options.json, notes=run.problems)
    return int(bool(run.problems))


if __name__ == "__main__":
    sys.exit(main())
