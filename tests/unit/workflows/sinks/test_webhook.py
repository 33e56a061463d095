"""The webhook sink against a real HTTP server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import TypeAdapter

from shared.workflows.block import Block
from shared.workflows.blocks.sinks.webhook import Webhook
from shared.workflows.services import Services
from shared.workflows.settings import WorkflowSettings
from shared.workflows.sink import COOLING, DISABLED
from shared.workflows.testing import make, run_block, run_workflow
from shared.workflows.uql import AnyOperation
from tests.unit.workflows.pictures import found, plain
from tests.unit.workflows.receiver import Receiver, receiver

OPEN = WorkflowSettings(workflow_sink_allow_private=True)
OPERATIONS: Any = TypeAdapter(list[AnyOperation])


@pytest.fixture
def server() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


def sink(settings: WorkflowSettings = OPEN, **more: Any) -> Block:
    return make(Webhook, Services(settings=settings, **more))


def send(server: Receiver, block: Block | None = None, **fields: Any) -> dict[str, Any]:
    given = {"url": server.url, "method": "POST", "fire_and_forget": False, **fields}
    answer: dict[str, Any] = run_block(block or sink(), **given)
    return answer


def test_values_go_out_as_json_after_their_operations(server: Receiver) -> None:
    image = plain()
    operations = {"count": OPERATIONS.validate_python([{"type": "SequenceLength"}])}
    boxes = found(image, (0, 0, 10, 10), (5, 5, 20, 20))
    answer = send(
        server,
        url=f"{server.url}/hook?a=1",
        query_parameters={"b": [1, 2], "c": "x y&"},
        headers={"X-Camera": 7},
        json_payload={"count": boxes, "all": boxes, "note": "hi", "deep": {"n": [1, None]}},
        json_payload_operations=operations,
    )
    assert answer == {"error_status": False, "throttling_status": False, "message": "Sent."}
    (request,) = server.requests
    assert (request.method, request.path) == ("POST", "/hook")
    assert request.query == {"a": ["1"], "b": ["1", "2"], "c": ["x y&"]}
    assert (request.headers["x-camera"], request.headers["content-type"]) == ("7", "application/json")
    said = request.json
    assert (said["count"], said["note"], said["deep"]) == (2, "hi", {"n": [1, None]})
    assert [row["class"] for row in said["all"]["predictions"]] == ["cat", "cat"]


def test_a_form_with_files(server: Receiver) -> None:
    image = plain()
    assert not send(
        server,
        method="PUT",
        multi_part_encoded_files={"picture": image, "log.txt": "a,b"},
        form_data={"camera": "gate", "count": 2},
        json_payload={"left": "out"},
    )["error_status"]
    (request,) = server.requests
    parts = request.parts
    assert (request.method, set(parts)) == ("PUT", {"camera", "count", "picture", "log.txt"})
    assert parts["camera"].get_content().strip() == "gate"
    assert parts["picture"].get_payload(decode=True) == image.encoded
    assert parts["picture"].get_content_type() == "image/jpeg"
    assert parts["log.txt"].get_filename() == "log.txt"


def test_a_form_without_files_is_urlencoded_and_get_has_no_body(server: Receiver) -> None:
    send(server, form_data={"a": "1 2", "b": [1, 2]})
    send(server, method="GET", query_parameters={"n": 1})
    first, second = server.requests
    assert first.form == {"a": ["1 2"], "b": ["1", "2"]}
    assert (second.method, second.body, second.query) == ("GET", b"", {"n": ["1"]})


def test_private_addresses_are_called_only_when_the_server_s_settings_say_so(server: Receiver) -> None:
    closed = sink(WorkflowSettings())
    for url in (
        server.url,
        server.url.replace("http", "https"),
        "https://127.0.0.1",
        "https://localhost/x",
        "https://2130706433",
    ):
        answer = send(server, closed, url=url, cooldown_seconds=0)
        assert answer["error_status"], url
    assert server.requests == []


def test_failures_are_answers(server: Receiver) -> None:
    server.answer = lambda _: (503, {})
    assert "503" in send(server)["message"]
    server.answer, server.location = lambda _: (302, {}), f"{server.url}/elsewhere"
    assert send(server)["error_status"]
    assert [request.path for request in server.requests] == ["/", "/"]  # the redirect was not followed
    assert "not for a webhook" in send(server, headers={"Content-Length": "3"})["message"]
    assert send(server, headers={"X": "a\r\nY: b"})["error_status"]
    assert send(server, request_timeout=0)["error_status"]
    assert len(server.requests) == 2


def test_a_slow_receiver_is_given_up(server: Receiver) -> None:
    server.delay_s = 1.5
    answer = send(server, request_timeout=1)
    assert answer["error_status"]
    assert "within 1 s" in answer["message"]


def test_cooldown_and_disabling(server: Receiver) -> None:
    clock = [0.0]
    block = sink(monotonic=lambda: clock[0])
    answers = []
    for second in (0, 4, 5):
        clock[0] = second
        answers.append(send(server, block))
    assert [answer["throttling_status"] for answer in answers] == [False, True, False]
    assert answers[1]["message"] == COOLING
    assert send(server, disable_sink=True)["message"] == DISABLED
    assert len(server.requests) == 2


def test_in_the_background_nobody_waits(server: Receiver) -> None:
    later: list[Callable[[], Any]] = []
    block = sink(background=later.append)
    assert send(server, block, fire_and_forget=True)["error_status"] is False
    assert server.requests == []
    later.pop()()
    assert len(server.requests) == 1


def test_in_a_definition(server: Receiver) -> None:
    definition = {
        "version": "1.0",
        "inputs": [{"type": "WorkflowParameter", "name": "url"}, {"type": "WorkflowParameter", "name": "names"}],
        "steps": [
            {
                "type": "roboflow_core/webhook_sink@v1",
                "name": "hook",
                "url": "$inputs.url",
                "method": "POST",
                "json_payload": {"names": "$inputs.names", "fixed": {"a": [1]}},
                "json_payload_operations": {"names": [{"type": "SequenceLength"}]},
                "fire_and_forget": False,
            }
        ],
        "outputs": [{"type": "JsonField", "name": "failed", "selector": "$steps.hook.error_status"}],
    }
    services = Services(settings=OPEN)
    assert run_workflow(definition, {"url": server.url, "names": ["a", "b"]}, services=services) == [{"failed": False}]
    assert server.requests[0].json == {"names": 2, "fixed": {"a": [1]}}
