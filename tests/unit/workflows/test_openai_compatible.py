"""The chat step, against a local server that answers as OpenAI's chat completions do: shapes of body, answer, error."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import pytest
from pydantic import TypeAdapter

from shared.workflows.blocks.models.openai_compatible import OpenAICompatible
from shared.workflows.images import WorkflowImage
from shared.workflows.services import Services
from shared.workflows.settings import WorkflowSettings
from shared.workflows.testing import make, run_block, run_workflow
from shared.workflows.uql import AnyOperation
from tests.unit.workflows.pictures import found, plain
from tests.unit.workflows.receiver import Answer, Receiver, Request, receiver

KEY = "sk-test"
MODEL = "some-vlm"
COUNT: Any = TypeAdapter(list[AnyOperation]).validate_python([{"type": "SequenceLength"}])


def complaint(status: int, message: str, code: str) -> Answer:
    return status, {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}}


def chat(request: Request) -> Answer:
    """What the API answers, checked as the API checks it. The model says what it was shown."""
    if (request.method, request.path) != ("POST", "/v1/chat/completions"):
        return complaint(404, f"Unknown request URL: {request.method} {request.path}.", "unknown_url")
    if request.headers.get("authorization") != f"Bearer {KEY}":
        return complaint(401, "Incorrect API key provided.", "invalid_api_key")
    body = request.json
    if body["model"] != MODEL:
        return complaint(404, f"The model {body['model']!r} does not exist.", "model_not_found")
    said = [part for message in body["messages"] for part in parts(message)]
    message = {"role": "assistant", "content": " | ".join(said), "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    usage = {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14}
    head = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1_790_000_000, "model": MODEL}
    return 200, {**head, "choices": [choice], "usage": usage}


def parts(message: dict[str, Any]) -> list[str]:
    role, content = message["role"], message["content"]
    if isinstance(content, str):
        return [f"{role}: {content}"]
    shown = []
    for part in content:
        if part["type"] == "text":
            shown.append(f"{role}: {part['text']}")
        else:
            kind, data = part["image_url"]["url"].split(",", 1)
            assert kind == "data:image/jpeg;base64"
            pixels = cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR)
            shown.append(f"{pixels.shape[1]}x{pixels.shape[0]}")
    return shown


@pytest.fixture
def server() -> Iterator[Receiver]:
    with receiver() as made:
        made.answer = chat
        yield made


def ask(server: Receiver, **fields: Any) -> Any:
    base = fields.pop("base_url", f"{server.url}/v1")
    allowed = fields.pop("allowed", (f"{server.url}/v1",))
    settings = WorkflowSettings(workflow_chat_base_urls=allowed, workflow_chat_timeout_s=30)
    block = make(OpenAICompatible, Services(settings=settings))
    given = {"model_name": MODEL, "api_key": KEY, "prompt": "Hello", **fields}
    return run_block(block, base_url=base, **given)


def picture(width: int, height: int) -> WorkflowImage:
    return WorkflowImage.from_pixels(np.zeros((height, width, 3), np.uint8))


def test_a_prompt_is_answered(server: Receiver) -> None:
    assert ask(server) == {"output": "user: Hello", "error_status": ""}
    (request,) = server.requests
    content = [{"type": "text", "text": "Hello"}]
    assert request.json == {"model": MODEL, "messages": [{"role": "user", "content": content}], "max_tokens": 500}
    assert request.headers["content-type"] == "application/json"


def test_values_and_images_go_into_the_prompt(server: Receiver) -> None:
    values = {
        "n": found(plain(), (0, 0, 5, 5), (9, 9, 12, 12)),
        "frames": [picture(8, 6), picture(10, 6)],
        "first": picture(4, 6),
        "word": "cars",
    }
    answer = ask(
        server,
        system_prompt="Be brief.",
        prompt="{{ $parameters.first }} Are there {{$parameters.n}} {{ $parameters.word }}? {{ $parameters.other }}",
        prompt_parameters=values,
        prompt_parameters_operations={"n": COUNT},
    )
    shown = "system: Be brief. | user: Are there 2 cars? {{ $parameters.other }} | 4x6 | 8x6 | 10x6"
    assert answer == {"output": shown, "error_status": ""}


def test_options_travel(server: Receiver) -> None:
    extra = {"chat_template_kwargs": {"enable_thinking": False}}
    ask(server, max_tokens=7, temperature=0.5, extra_body=extra, base_url=f"{server.url}/v1/")
    body = server.requests[0].json
    assert (body["max_tokens"], body["temperature"], body["chat_template_kwargs"]) == (
        7,
        0.5,
        extra["chat_template_kwargs"],
    )
    assert "stream" in ask(server, extra_body={"stream": True})["error_status"]
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"api_key": "no"}, "status 401: Incorrect API key provided."),
        ({"api_key": None}, "status 401"),
        ({"api_key": "line\nbreak"}, "no key of an API"),
        ({"model_name": "x"}, "status 404: The model 'x' does not exist."),
        ({"allowed": ()}, "https"),
    ],
)
def test_what_goes_wrong_is_told_and_the_run_goes_on(server: Receiver, fields: dict[str, Any], said: str) -> None:
    answer = ask(server, **fields)
    assert answer["output"] == ""
    assert said in answer["error_status"]
    assert KEY not in answer["error_status"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((200, {"choices": []}), "without choices"),
        ((200, {"error": {"message": "overloaded"}}), "overloaded"),
        ((200, {"choices": [{"message": {"content": None}, "finish_reason": "length"}]}), "finish_reason is length"),
        ((200, ["no object"]), "no JSON object"),
        ((503, {"error": "busy"}), "status 503: busy"),
    ],
)
def test_answers_without_a_text_are_errors(server: Receiver, answer: Answer, said: str) -> None:
    server.answer = lambda _: answer
    assert said in ask(server)["error_status"]


def test_in_a_definition_an_image_is_asked_about_and_read(server: Receiver) -> None:
    """The answer goes on to the blocks that read what language models write."""
    server.answer = lambda request: (200, {"choices": [{"message": {"content": '{"class_name": "cat"}'}}]})
    definition = {
        "version": "1.0",
        "inputs": [
            {"type": "WorkflowImage", "name": "image"},
            {"type": "WorkflowParameter", "name": "key", "default_value": KEY},
        ],
        "steps": [
            {"type": "roboflow_core/openai_compatible@v1", "name": "ask", "base_url": f"{server.url}/v1",
             "model_name": MODEL, "api_key": "$inputs.key", "prompt": "What is it?",
             "prompt_parameters": {"picture": "$inputs.image"}},
            {"type": "roboflow_core/json_parser@v1", "name": "read", "raw_json": "$steps.ask.output",
             "expected_fields": ["class_name"]},
        ],
        "outputs": [{"type": "JsonField", "name": "what", "selector": "$steps.read.class_name"}],
    }  # fmt: skip
    services = Services(settings=WorkflowSettings(workflow_chat_base_urls=("*",)))
    pictures = [np.zeros((6, width, 3), np.uint8) for width in (4, 8)]
    rows = run_workflow(definition, {"image": pictures}, services=services)
    assert rows == [{"what": "cat"}] * 2
    shown = sorted(parts(request.json["messages"][0])[-1] for request in server.requests)
    assert shown == ["4x6", "8x6"]
    assert all(request.headers["authorization"] == f"Bearer {KEY}" for request in server.requests)
