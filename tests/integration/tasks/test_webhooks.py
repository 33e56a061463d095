"""Webhooks from a job's submission to its receiver, through the real API and real workers that are killed meanwhile."""

from __future__ import annotations

import base64
import collections
import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from standardwebhooks import Webhook
from typing_extensions import override

from tests.integration.tasks.processes import ROOT, Processes

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]
IMAGE = {"type": "base64", "value": base64.b64encode((ROOT / "examples/images/small.png").read_bytes()).decode()}


class Receiver(ThreadingHTTPServer):
    """Keeps what it is sent and answers slowly, so that a killed worker leaves webhooks in the air."""

    daemon_threads = True
    delay_s = 0.0

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen: list[tuple[dict[str, str], bytes]] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hook"

    def ids(self) -> list[str]:
        return [headers["webhook-id"] for headers, _ in list(self.seen)]


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(self.server.delay_s)
        self.server.seen.append((dict(self.headers.items()), body))
        try:
            self.send_response(204)
            self.end_headers()
        except OSError:
            pass

    @override
    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.shutdown()
    made.server_close()


@pytest.fixture
def fleet(redis_url: str, tmp_path: Path) -> Iterator[Processes]:
    processes = Processes(
        redis_url,
        tmp_path,
        VISIONFLEET_WEBHOOK_ALLOW_HTTP="true",
        VISIONFLEET_WEBHOOK_ALLOW_PRIVATE="true",
        VISIONFLEET_WEBHOOK_PORTS="[]",
        VISIONFLEET_WEBHOOK_TIMEOUT_S="2",
        VISIONFLEET_PUBLIC_URL="https://vision.example",
    )
    processes.api()
    processes.worker()
    processes.until()
    yield processes
    processes.end()


def submit(fleet: Processes, url: str, **webhook: Any) -> str:
    wanted = {"model": "shapes-detector", "image": IMAGE, "webhook": {"url": url, **webhook}}
    answer = requests.post(f"{fleet.url}/v1/jobs", json=wanted, timeout=10)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def wait_for(receiver: Receiver, ids: set[str], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not ids <= set(receiver.ids()):
        assert time.monotonic() < deadline, f"missing {sorted(ids - set(receiver.ids()))}"
        time.sleep(0.05)


def test_a_jobs_end_reaches_its_owner_signed(fleet: Processes, receiver: Receiver) -> None:
    made = requests.post(f"{fleet.url}/v1/webhooks/secrets", json={"kinds": ["hmac", "ed25519"]}, timeout=5)
    assert made.status_code == 201
    secret = made.json()
    texts = [key["secret"] for key in secret["keys"]]
    again = requests.get(f"{fleet.url}/v1/webhooks/secrets", timeout=5)
    assert not any(text in again.text for text in texts), "shown once"
    job = submit(fleet, receiver.url, secret_id=secret["id"], events=["started", "succeeded"], mode="inline")
    wait_for(receiver, {f"msg_{job}_started", f"msg_{job}_succeeded"}, 10)
    for headers, body in receiver.seen:
        lowered = {name.lower(): value for name, value in headers.items()}
        message = Webhook(texts[0]).verify(body, lowered)
        assert lowered["webhook-signature"].split(" ")[1].startswith("v1a,")
        assert message["data"]["result_url"] == f"https://vision.example/v1/jobs/{job}"
        if message["type"] == "job.succeeded":
            assert message["data"]["outputs"][0]["output"]["task"] == "object-detection"
    deadline = time.monotonic() + 5
    while fleet.get("/v1/webhooks/deliveries?state=pending")["deliveries"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    listed = fleet.get(f"/v1/webhooks/deliveries?job={job}")["deliveries"]
    assert {(entry["type"], entry["state"]) for entry in listed} == {
        ("job.started", "delivered"),
        ("job.succeeded", "delivered"),
    }
    replayed = requests.post(f"{fleet.url}/v1/webhooks/deliveries/msg_{job}_started/replay", timeout=5)
    assert replayed.status_code == 202
    deadline = time.monotonic() + 5
    while receiver.ids().count(f"msg_{job}_started") < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_killed_workers_lose_no_webhook_and_make_no_second_id(fleet: Processes, receiver: Receiver) -> None:
    receiver.delay_s = 0.15
    jobs: list[str] = []
    for _ in range(3):
        jobs += [submit(fleet, f"{receiver.url}/{number % 4}") for number in range(40)]
        while len(receiver.seen) < len(jobs) - 30:
            time.sleep(0.01)
        worker = fleet._all.pop()
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()
        fleet.worker()
    wait_for(receiver, {f"msg_{job}_succeeded" for job in jobs}, 60)
    counted = collections.Counter(receiver.ids())
    assert set(counted) == {f"msg_{job}_succeeded" for job in jobs}
    bodies: dict[str, set[bytes]] = collections.defaultdict(set)
    for headers, body in receiver.seen:
        bodies[headers["webhook-id"]].add(json.loads(body)["data"]["id"])
    assert all(len(found) == 1 for found in bodies.values())
    assert sum(counted.values()) <= 120 + 3 * 40, "only what was in the air at a kill may come twice"
