"""Redis with passwords, least rights and TLS: deploy/redis/users.acl.example against real processes."""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kombu
import kombu.exceptions
import pytest
import redis
import requests

from deploy.local.redis_server import command, find_binary
from tests.integration.tasks.processes import ROOT, Processes
from tests.redis_server import free_port
from tests.redis_tls import TlsProxy, certificate, server_with_tls
from worker_service.transport import Transport

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]
ACL = ROOT / "deploy" / "redis" / "users.acl.example"
SCENE = base64.b64encode((ROOT / "examples/images/scene.jpg").read_bytes()).decode()


@contextlib.contextmanager
def serving(folder: Path, port: int, *options: str, binary: Path | None = None) -> Iterator[None]:
    binary = binary or find_binary()
    assert binary is not None
    with (folder / "redis.log").open("wb") as log:
        process = subprocess.Popen([*command(binary, port, folder, 256), *options], stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 10
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def users(tmp_path: Path) -> Iterator[int]:
    """The port of a server with the users of the example."""
    folder = tmp_path / "redis"
    folder.mkdir()
    acl = folder / "users.acl"
    acl.write_text(ACL.read_text().replace("CHANGE-", "secret-"))
    port = free_port()
    with serving(folder, port, "--aclfile", str(acl)):
        yield port


def url(port: int, user: str) -> str:
    return f"redis://vf-{user}:secret-{user}@127.0.0.1:{port}/0"


def infer(fleet: Processes) -> None:
    """A synchronous request, a job with progress and events, and a batch, which Celery splits."""
    image = {"type": "base64", "value": SCENE}
    answer = requests.post(
        f"{fleet.url}/infer/object_detection", json={"model_id": "shapes-detector", "image": image}, timeout=30
    )
    assert answer.status_code == 200, answer.text
    job = requests.post(
        f"{fleet.url}/v1/jobs",
        json={"model": "shapes-detector", "image": [image, image]},
        headers={"Prefer": "wait=30", "Idempotency-Key": "one"},
        timeout=60,
    )
    assert (job.status_code, job.json()["state"]) == (200, "succeeded"), job.text
    assert "finished" in requests.get(f"{fleet.url}/v1/jobs/{job.json()['id']}/events", timeout=30).text
    files = [("image", ("a.jpg", base64.b64decode(SCENE), "image/jpeg"))]
    batch = requests.post(
        f"{fleet.url}/v1/batches", files=files, data={"batch": '{"model": "shapes-detector"}'}, timeout=30
    ).json()
    deadline = time.monotonic() + 60
    while (now := fleet.get(f"/v1/batches/{batch['id']}"))["state"] in {"queued", "running"}:
        assert time.monotonic() < deadline, fleet.logs()
        time.sleep(0.2)
    assert (now["state"], now["failed"]) == ("succeeded", 0)


@pytest.mark.parametrize(
    ("user", "words"),
    [
        ("api", ["LPUSH", "vf:celery:cpu", "a task"]),  # a write to the broker would be code for a worker to run
        ("api", ["FLUSHALL"]),
        ("api", ["CONFIG", "SET", "dir", "/etc"]),
        ("api", ["MODULE", "LOAD", "/tmp/x.so"]),
        ("api", ["SLAVEOF", "evil.example", "6379"]),
        ("api", ["DEBUG", "SLEEP", "0"]),
        ("api", ["KEYS", "*"]),
        ("api", ["SET", "other", "x"]),
        ("worker", ["HGETALL", "vf:keys"]),
        ("worker", ["HSET", "vf:keys", "a", "b"]),
        ("worker", ["CONFIG", "GET", "requirepass"]),
        ("worker", ["SCRIPT", "FLUSH"]),
        ("worker", ["HGETALL", "vf:stream:x"]),  # credentials of cameras
        ("worker", ["ZRANGE", "vf:streams", "0", "-1"]),
        ("worker", ["SET", "other", "x"]),
        ("stream", ["HGETALL", "vf:keys"]),
        ("stream", ["LPUSH", "vf:celery:cpu", "a task"]),
        ("stream", ["SHUTDOWN"]),
        ("stream", ["HGETALL", "vf:batch:x"]),
        ("stream", ["EVAL", "return 1", "0"]),
        ("stream", ["PUBLISH", "x", "y"]),
        ("stream", ["ACL", "LIST"]),
        ("api", ["EVAL", "return 1", "0"]),
        ("api", ["CLIENT", "KILL", "ID", "1"]),
        ("operator", ["CONFIG", "SET", "dir", "/etc"]),
        ("operator", ["SAVE"]),
    ],
)
def test_and_no_others(users: int, user: str, words: list[str]) -> None:
    with redis.Redis.from_url(url(users, user)) as client, pytest.raises(redis.ResponseError, match=r"NOPERM|no perm"):
        client.execute_command(*words)


def test_nobody_without_a_password(users: int) -> None:
    for wrong in ("", "vf-api:wrong@", ":secret-api@"):
        with redis.Redis.from_url(f"redis://{wrong}127.0.0.1:{users}/0") as client, pytest.raises(redis.RedisError):
            client.ping()


@pytest.fixture
def encrypted(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[int, int]]:
    """Ports of a server with the users of the example: with TLS, and for the test to look in.

    The wheel's redis-server has no TLS: where there is no other (apt-get install redis-tools), a proxy ends it.
    """
    ca, key = tmp_path / "ca.pem", tmp_path / "key.pem"
    context = certificate(tmp_path)
    binary = server_with_tls(tmp_path / "bin")
    if binary is None:
        wheels: int = request.getfixturevalue("users")
        proxy = TlsProxy(wheels, context)
        yield proxy.port, wheels
        proxy.close()
        return
    acl, folder, port, inside = tmp_path / "users.acl", tmp_path / "redis", free_port(), free_port()
    acl.write_text(ACL.read_text().replace("CHANGE-", "secret-"))
    folder.mkdir()
    files = ["--tls-cert-file", str(ca), "--tls-key-file", str(key), "--tls-ca-cert-file", str(ca)]
    tls = ["--tls-port", str(port), "--tls-auth-clients", "yes", *files, "--aclfile", str(acl)]
    with serving(folder, inside, *tls, binary=binary):
        yield port, inside


def test_each_service_has_the_rights_it_needs_and_verifies_the_certificate(
    encrypted: tuple[int, int], tmp_path: Path
) -> None:
    port, inside = encrypted
    ca = tmp_path / "ca.pem"
    mine = f"ssl_certfile={ca}&ssl_keyfile={tmp_path / 'key.pem'}"
    base = f"rediss://vf-{{0}}:secret-{{0}}@127.0.0.1:{port}/0?ssl_ca_certs={ca}&{mine}"
    fleet = Processes(base.format("api"), tmp_path, VISIONFLEET_STREAM_FOLDERS=json.dumps([str(ROOT / "examples")]))
    try:
        fleet.api()
        fleet.environment["VISIONFLEET_REDIS_URL"] = base.format("worker")
        fleet.worker()
        fleet.environment["VISIONFLEET_REDIS_URL"] = base.format("stream")
        fleet.streams()
        fleet.until(seconds=150)
        infer(fleet)
        watch(fleet)
        assert requests.get(f"{fleet.url}/v1/keys", timeout=10).json() == {"keys": []}
        assert requests.get(f"{fleet.url}/metrics", timeout=10).status_code == 200
        logs = fleet.logs()
    finally:
        fleet.end()
    assert "secret-" not in logs
    with redis.Redis.from_url(url(inside, "operator")) as operator:
        refused: Any = operator.acl_log()
    # redis-py introduces itself, which the wheel's old server does not know and refuses to everybody.
    assert [one for one in refused if not one["object"].startswith("client")] == []
    strangers(base.format("api"), port, tmp_path)


def strangers(right: str, port: int, folder: Path) -> None:
    """Whose certificate is another authority's, or that does not speak TLS, is no Redis of ours; Celery agrees."""
    other = folder / "other"
    other.mkdir()
    certificate(other)
    wrong = right.replace(f"ssl_ca_certs={folder}", f"ssl_ca_certs={other}")
    for address in (wrong, right.split("?", maxsplit=1)[0], right.split("?", maxsplit=1)[0].replace("rediss", "redis")):
        with redis.Redis.from_url(address, socket_timeout=5) as client, pytest.raises(redis.RedisError):
            client.ping()
    with redis.Redis.from_url(wrong) as client, pytest.raises(redis.ConnectionError, match="CERTIFICATE_VERIFY_FAILED"):
        client.ping()
    with broker(right) as celery:
        celery.ensure_connection(max_retries=1, interval_start=0, timeout=30)
    with broker(wrong) as celery, pytest.raises(kombu.exceptions.OperationalError, match="CERTIFICATE_VERIFY_FAILED"):
        celery.ensure_connection(max_retries=1, interval_start=0, timeout=30)


def broker(address: str) -> Any:
    """Celery's connection, as workers make it."""
    return kombu.Connection(address, transport=Transport, transport_options={"global_keyprefix": "vf:celery:"})


def watch(fleet: Processes) -> None:
    """A stream of the pictures of a folder, to its end."""
    wanted = {
        "sources": [{"reference": str(ROOT / "examples" / "images")}],
        "model": {"model_id": "shapes-detector"},
        "sinks": [{"type": "buffer", "size": 64}],
    }
    deadline = time.monotonic() + 120
    while (made := requests.post(f"{fleet.url}/v1/streams", json=wanted, timeout=60)).status_code == 503:
        assert time.monotonic() < deadline, fleet.logs()
        time.sleep(0.2)
    assert made.status_code == 201, made.text
    path = f"{fleet.url}/v1/streams/{made.json()['id']}"
    while not (result := requests.post(f"{path}/consume", timeout=30).json()["result"]):
        assert time.monotonic() < deadline, fleet.logs()
        time.sleep(0.1)
    assert "predictions" in result["output"]
    assert requests.delete(path, timeout=30).status_code == 204
