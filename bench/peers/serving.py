"""One side under load: ours or a peer's, as processes of its own."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.peers.environments import ROOT, Peer, python_of
from bench.system import cpu_seconds, system
from bench.threads.division import started
from tests.redis_server import free_port

START_S = 600
"""Importing Roboflow's package takes a minute on a calm machine."""
IDLE_S = 0.3
IDLE_CORES = 0.25

OURS = {"object-detection": "/infer/object_detection", "classification": "/infer/classification"}


@dataclass(frozen=True)
class Side:
    """Where it answers, and the processes whose time and memory are its own."""

    url: str
    pids: tuple[int, ...]

    def cpu(self) -> float:
        """CPU seconds so far, child processes included."""
        return sum(cpu_seconds(pid) for pid in self.pids)

    def rest(self, limit_s: float) -> None:
        """Wait until it has nothing to do: wrk goes without its last answers, which most sides still make."""
        deadline = time.monotonic() + limit_s
        used = self.cpu()
        while time.monotonic() < deadline:
            time.sleep(IDLE_S)
            before, used = used, self.cpu()
            if used - before < IDLE_S * IDLE_CORES:
                return

    def memory(self) -> float:
        """MiB of all its processes, pages that they share counted once (PSS)."""
        roots = [psutil.Process(pid) for pid in self.pids]
        parts = [part for root in roots for part in (root, *root.children(recursive=True))]
        return float(sum(part.memory_full_info().pss for part in parts)) / 2**20


@contextmanager
def ours(models: Path, model: str, task: str, division: str = "") -> Iterator[Side]:
    """Redis, API and one worker with the settings of an installation, or divided as ``bench.threads`` says."""
    with started(models, [model], division) if division else system(models, [model]) as made:
        yield Side(made.url + OURS[task], tuple(made.pids.values()))


@contextmanager
def theirs(peer: Peer, folder: Path, task: str, layout: tuple[int, int], body: Path) -> Iterator[Side]:
    """A peer with ``layout`` = (processes, threads of the network in each), once it has answered ``body``."""
    port = free_port()
    python = python_of(peer)
    with tempfile.TemporaryDirectory() as scratch:
        log = Path(scratch) / "log"
        places = {"PYTHONPATH": str(ROOT), "BENTOML_HOME": scratch, "BENTOML_DO_NOT_TRACK": "True"}
        places["PYTHONDONTWRITEBYTECODE"] = ""  # else Roboflow's package is compiled for minutes at each start
        command = [str(python), "-m", peer.module, str(folder), str(port), *map(str, layout)]
        with log.open("wb") as output:
            child = subprocess.Popen(command, cwd=scratch, env=os.environ | places, stdout=output, stderr=output)
        try:
            url = f"http://127.0.0.1:{port}{peer.routes[task]}"
            until_answered(url, body, child, log)
            yield Side(url, (child.pid,))
        finally:
            end(child)


def until_answered(url: str, body: Path, child: subprocess.Popen[bytes], log: Path) -> None:
    """Wait for predictions: a peer that answers without them is no baseline."""
    deadline = time.monotonic() + START_S
    said = ""
    while time.monotonic() < deadline:
        if child.poll() is not None:
            break
        request = urllib.request.Request(url, body.read_bytes(), {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                assert "predictions" in json.load(answer), url
                return
        except urllib.error.HTTPError as error:
            said = error.read().decode(errors="replace")[:500]
        except OSError:
            pass
        time.sleep(0.5)
    raise RuntimeError(f"{url} did not answer: {said}\n{log.read_text(errors='replace')[-3000:]}")


def end(child: subprocess.Popen[bytes]) -> None:
    """Stop it and all that it started."""
    if child.poll() is not None:
        return
    parts = [*psutil.Process(child.pid).children(recursive=True), psutil.Process(child.pid)]
    child.terminate()
    _, alive = psutil.wait_procs(parts, timeout=10)
    for part in alive:
        part.kill()
    child.wait(timeout=10)
