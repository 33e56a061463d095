"""One process without Redis: driven by events as AWS Lambda sends them, and on a port as Cloud Run runs it."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.serverless import aws
from deploy.serverless.engine import LocalEngine
from deploy.serverless.settings import ServerlessSettings
from tests.redis_server import free_port
from worker_service.engine.engine import Engine

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]
ROOT = Path(__file__).resolve().parents[2]
PICTURE = (ROOT / "examples" / "images" / "scene.jpg").read_bytes()
KEY = "k" * 32


class Context:
    """What Lambda passes beside the event."""

    def __init__(self, ms: int = 120_000) -> None:
        self.ms = ms

    def get_remaining_time_in_millis(self) -> int:
        return self.ms


def event(method: str, path: str, body: bytes = b"", query: str = "", **headers: str) -> dict[str, Any]:
    """A function URL's event, payload 2.0; bodies are base64, as Lambda sends everything that is no text."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return {
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": query,
        "headers": {"host": "abc.lambda-url.eu-west-1.on.aws", "authorization": f"Bearer {KEY}", **named},
        "requestContext": {"http": {"method": method, "path": path, "sourceIp": "203.0.113.7"}},
        "body": base64.b64encode(body).decode(),
        "isBase64Encoded": True,
    }


IMAGE = {"type": "base64", "value": base64.b64encode(PICTURE).decode()}


def infer(**fields: Any) -> dict[str, Any]:
    body = json.dumps({"model_id": "shapes-detector", "image": IMAGE, **fields}).encode()
    return event("POST", "/infer/object_detection", body, content_type="application/json")


@pytest.fixture(scope="module")
def function() -> Iterator[aws.Function]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VISIONFLEET_HOST", "0.0.0.0")
        patch.setenv("VISIONFLEET_ADMIN_KEY", KEY)
        patch.setenv("VISIONFLEET_REDIS_URL", "redis://127.0.0.1:1/0")
        patch.setenv("VISIONFLEET_INTRA_OP_THREADS", "1")
        made = aws.Function(ServerlessSettings())
        patch.setattr(aws, "function", lambda: made)
        yield made
        made.close()


def ask(given: dict[str, Any], ms: int = 120_000) -> tuple[int, Any]:
    answer = aws.handler(given, Context(ms))
    assert set(answer) == {"statusCode", "headers", "body", "isBase64Encoded"}
    json.dumps(answer)  # Lambda does
    body = base64.b64decode(answer["body"]) if answer["isBase64Encoded"] else answer["body"]
    kind = answer["headers"].get("Content-Type", "")
    return answer["statusCode"], json.loads(body) if "json" in kind else body


def test_an_event_is_answered_as_any_request(function: aws.Function) -> None:
    status, found = ask(infer(confidence=0.5))
    assert status == 200, found
    assert found["predictions"]
    assert all(one["confidence"] >= 0.5 for one in found["predictions"])


def test_binary_answers_travel_as_base64(function: aws.Function) -> None:
    answer = aws.handler(event("GET", "/web/examples/star.jpg"), Context())
    assert (answer["statusCode"], answer["isBase64Encoded"]) == (200, True)
    assert base64.b64decode(answer["body"])[:2] == b"\xff\xd8"
    assert aws.handler(event("GET", "/"), Context())["body"].lower().startswith("<!doctype html")


def test_what_is_wrong_with_a_body_is_told(function: aws.Function) -> None:
    status, found = ask(event("POST", "/infer/object_detection", b"{", content_type="application/json"))
    assert (status, found["code"]) == (422, "validation_failed")
    plain = {**event("POST", "/infer/object_detection", content_type="application/json"), "isBase64Encoded": False}
    status, found = ask({**plain, "body": json.dumps({"model_id": "nobody/1", "image": IMAGE})})
    assert (status, found["code"]) == (404, "model_not_found")


def test_models_are_listed_loaded_and_dropped(function: aws.Function) -> None:
    body = json.dumps({"model_id": "shapes-classifier"}).encode()
    assert ask(event("POST", "/model/add", body, content_type="application/json"))[0] == 200
    status, found = ask(event("GET", "/model/registry"))
    assert status == 200
    assert "shapes-classifier" in {one["model_id"] for one in found["models"]}
    status, found = ask(event("POST", "/model/remove", body, content_type="application/json"))
    assert "shapes-classifier" not in {one["model_id"] for one in found["models"]}
    assert ask(event("GET", "/readiness"))[0] == 200


def test_a_key_is_asked_for(function: aws.Function) -> None:
    given = infer()
    del given["headers"]["authorization"]
    assert ask(given)[0] == 401


@pytest.mark.parametrize(
    "path", ["/v1/jobs", "/v1/jobs/abc", "/v1/batches", "/v1/streams", "/inference_pipelines/list"]
)
def test_what_needs_a_fleet_says_so(function: aws.Function, path: str) -> None:
    status, found = ask(event("GET", path))
    assert status == 404
    assert "need workers and Redis" in (found.get("detail") or found["message"])


def test_the_answer_comes_before_lambda_ends_the_function(
    function: aws.Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered, leave = threading.Event(), threading.Event()

    def hang(*_: Any) -> None:
        entered.set()
        leave.wait(60)

    with monkeypatch.context() as patch:
        patch.setattr(Engine, "decode", hang)
        status, found = ask(infer(), ms=6_000)
        assert entered.is_set()
        leave.set()
    assert (status, found["code"]) == (504, "deadline_exceeded")
    assert ask(infer())[0] == 200, "the instance goes on"


def test_other_events_are_refused(function: aws.Function) -> None:
    assert ask({"Records": []})[0] == 400


def test_a_full_instance_refuses(function: aws.Function, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LocalEngine, "room", 0)
    status, found = ask(infer())
    assert (status, found["code"]) == (503, "queue_full")


def test_cloud_run_serves_on_its_port_and_drains(tmp_path: Path) -> None:
    port = free_port()
    log = tmp_path / "log"
    variables = {"PORT": str(port), "VISIONFLEET_ADMIN_KEY": KEY, "PYTHONPATH": str(ROOT)}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "deploy.serverless"],
            cwd=tmp_path,
            env={**os.environ, **variables},
            stdout=output,
            stderr=output,
        )
    try:
        deadline = time.monotonic() + 120
        while not answers(f"http://127.0.0.1:{port}/readiness"):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        body = json.loads(base64.b64decode(infer()["body"]))
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/infer/object_detection",
            json.dumps(body).encode(),
            {"Content-Type": "application/json", "Authorization": f"Bearer {KEY}"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            assert json.load(answer)["predictions"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait(10)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
