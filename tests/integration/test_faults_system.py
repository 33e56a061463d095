"""The whole system with two API processes, over HTTP: a replica, the worker or Redis dies under load."""

from __future__ import annotations

import base64
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
import requests

from tests.e2e.conftest import Launched, end, launch, until_ready
from tests.integration import dial_model as dial
from tests.redis_server import RedisServer

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]
WITHIN_S = 15.0


@pytest.fixture(scope="module")
def redis_of_system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory, redis_of_system: RedisServer) -> Iterator[Launched]:
    launched = launch(
        tmp_path_factory.mktemp("system"),
        "--no-demo",
        REDIS_URL=redis_of_system.url,
        VISIONFLEET_MODEL_DIRS=str(dial.repository(tmp_path_factory.mktemp("models"))),
        VISIONFLEET_PROCESSES="2",
        VISIONFLEET_REQUEST_TIMEOUT_S="30",
    )
    try:
        until_ready(launched)
        assert classify(launched.base_url, "red").json()["top"] == "red"
        yield launched
    finally:
        end(launched)


def reference(colour: str, brightness: int = dial.INSTANT) -> dict[str, str]:
    return {"type": "base64", "value": base64.b64encode(dial.picture(colour, brightness)).decode()}


def classify(
    base_url: str, colour: str, brightness: int = dial.INSTANT, session: requests.Session | None = None
) -> requests.Response:
    body = {"model_id": "dial", "image": reference(colour, brightness)}
    return (session or requests).post(f"{base_url}/infer/classification", json=body, timeout=60)


def submit(base_url: str, colour: str, brightness: int = dial.INSTANT) -> str:
    """The id of an accepted job."""
    answer = requests.post(
        f"{base_url}/v1/jobs", json={"model": "dial", "image": reference(colour, brightness)}, timeout=30
    )
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def job(base_url: str, job_id: str, wait: float = 0) -> dict[str, Any]:
    answer = requests.get(f"{base_url}/v1/jobs/{job_id}", params={"wait": wait}, timeout=60)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def wait_running(base_url: str, job_id: str) -> None:
    deadline = time.monotonic() + 10
    while job(base_url, job_id)["state"] != "running":
        assert time.monotonic() < deadline
        time.sleep(0.01)


def wait_serving(base_url: str, seconds: float = 20) -> None:
    """Until jobs run again."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if classify(base_url, "blue").status_code == 200:
                return
        except requests.ConnectionError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"no inference within {seconds} s")


def replicas(system: Launched) -> list[psutil.Process]:
    return psutil.Process(system.pid_of("api_service")).children()


def connected_to(process: psutil.Process, port: int) -> set[int]:
    """Ports of the clients whose connections the process has."""
    found = (c for c in process.net_connections("tcp") if c.status == psutil.CONN_ESTABLISHED)
    return {c.raddr.port for c in found if c.laddr.port == port}


class Client:
    """One connection that is kept, and so stays with one replica."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self.session = requests.Session()
        before = set(own_ports(base_url))
        assert classify(base_url, "red", session=self.session).status_code == 200
        (self.port,) = set(own_ports(base_url)) - before

    def statuses(self, stop: threading.Event) -> Counter[Any]:
        """What requests that follow one another on this connection get."""
        seen: Counter[Any] = Counter()
        while not stop.is_set():
            try:
                seen[classify(self.base_url, "green", session=self.session).status_code] += 1
            except requests.ConnectionError:
                seen["cut off"] += 1
        return seen


def own_ports(base_url: str) -> list[int]:
    server = urlsplit(base_url).port
    return [
        c.laddr.port
        for c in psutil.Process().net_connections("tcp")
        if c.raddr and c.raddr.port == server and c.status == psutil.CONN_ESTABLISHED
    ]


def test_kill_9_of_one_api_process_disturbs_no_client_of_the_other(system: Launched) -> None:
    port = urlsplit(system.base_url).port or 0
    one, two = replicas(system)
    clients: list[Client] = []
    while not all(any(c.port in connected_to(replica, port) for c in clients) for replica in (one, two)):
        clients.append(Client(system.base_url))
        assert len(clients) < 40, "the kernel gives every connection to one process"
    on_one = connected_to(one, port)
    accepted = submit(system.base_url, "red", dial.SLOW)
    stop = threading.Event()
    with ThreadPoolExecutor(len(clients)) as pool:
        runs = {client: pool.submit(client.statuses, stop) for client in clients}
        time.sleep(0.3)
        one.kill()
        time.sleep(1.5)
        stop.set()
    for client, run in runs.items():
        seen = run.result()
        assert seen[200] > 0
        if client.port in on_one:
            assert set(seen) <= {200, "cut off"}, "its client is cut off and may connect again"
            assert seen["cut off"] <= 5, "the dying socket may take a new connection or two with it, no more"
        else:
            assert set(seen) == {200}
        client.session.close()
    assert job(system.base_url, accepted, wait=10)["state"] == "succeeded", "what the dead one accepted is known to all"
    deadline = time.monotonic() + 10
    while len(replicas(system)) < 2:
        assert time.monotonic() < deadline, "a new process takes its place"
        time.sleep(0.1)


def test_kill_9_of_the_worker_loses_no_request(system: Launched) -> None:
    slow = [submit(system.base_url, "blue", dial.SLOW) for _ in range(2)]
    wait_running(system.base_url, slow[0])
    with ThreadPoolExecutor(8) as pool:
        requested = [pool.submit(classify, system.base_url, colour, dial.INSTANT) for colour in dial.COLOURS * 2]
        queued = [submit(system.base_url, "green") for _ in range(10)]
        os.kill(system.pid_of("worker_service"), signal.SIGKILL)
        killed = time.monotonic()
        ended = [job(system.base_url, job_id, wait=20) for job_id in [*slow, *queued]]
        answers = [request.result() for request in requested]
    assert time.monotonic() - killed < WITHIN_S
    assert {record["state"] for record in ended} == {"succeeded"}
    assert [record["outputs"][0]["output"]["top"] for record in ended] == ["blue"] * 2 + ["green"] * 10
    assert [(answer.status_code, answer.json()["top"]) for answer in answers] == [(200, c) for c in dial.COLOURS * 2]
    assert max(record["attempt"] for record in ended) == 2


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_redis_down_is_503_with_retry_after_and_then_everything_goes_on(
    system: Launched, redis_of_system: RedisServer, how: str
) -> None:
    base_url = system.base_url
    slow = submit(base_url, "blue", dial.SLOW)
    wait_running(base_url, slow)
    queued = [submit(base_url, colour) for colour in dial.COLOURS * 5]
    worker = system.pid_of("worker_service")
    getattr(redis_of_system, how)()
    time.sleep(1)  # the API trusts what it knows of the fleet for half a second
    for _ in range(4):
        for answer in (classify(base_url, "red"), requests.get(f"{base_url}/v1/jobs/{slow}", timeout=10)):
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
            assert answer.json()["code"] == "queue_unavailable"
        assert requests.get(f"{base_url}/readiness", timeout=10).status_code == 503
        assert requests.get(f"{base_url}/healthz", timeout=10).status_code == 200
    redis_of_system.start()
    wait_serving(base_url)
    ended = [job(base_url, job_id, wait=15) for job_id in [slow, *queued]]
    assert {record["state"] for record in ended} == {"succeeded"}
    assert [record["outputs"][0]["output"]["top"] for record in ended] == ["blue", *dial.COLOURS * 5]
    for colour in dial.COLOURS:
        assert classify(base_url, colour).json()["top"] == colour
        assert job(base_url, submit(base_url, colour), wait=10)["outputs"][0]["output"]["top"] == colour
    assert system.pid_of("worker_service") == worker, "by itself, without a restart"


def test_it_all_ends_in_order(tmp_path: Path) -> None:
    """Ctrl-C while a job runs: it is finished, and another start finds its result."""
    models, folder = dial.repository(tmp_path / "models"), tmp_path / "data"
    folder.mkdir()
    launched = launch(folder, "--no-demo", VISIONFLEET_MODEL_DIRS=str(models))
    try:
        until_ready(launched)
        slow = submit(launched.base_url, "green", dial.SLOW)
        wait_running(launched.base_url, slow)
    finally:
        end(launched)
    again = launch(folder, "--no-demo", VISIONFLEET_MODEL_DIRS=str(models))
    try:
        until_ready(again)
        record = job(again.base_url, slow)
        assert (record["state"], record["attempt"]) == ("succeeded", 1)
    finally:
        end(again)
