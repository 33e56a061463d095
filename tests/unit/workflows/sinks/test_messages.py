"""Slack and Twilio, against local servers that answer as theirs do."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import TypeAdapter

from shared.workflows.blocks.sinks.slack_notification import SlackNotification
from shared.workflows.blocks.sinks.twilio_sms_notification import TwilioSms, TwilioSmsV2
from shared.workflows.services import Services
from shared.workflows.settings import WorkflowSettings
from shared.workflows.testing import make, run_block
from shared.workflows.uql import AnyOperation
from tests.unit.workflows.pictures import found, plain
from tests.unit.workflows.receiver import Answer, Receiver, Request, receiver

TOKEN, ACCOUNT = "xoxb-1", "AC00000000000000000000000000000000"
COUNT: Any = TypeAdapter(list[AnyOperation]).validate_python([{"type": "SequenceLength"}])
VALUES = {
    "message": "{{ $parameters.n }} cars",
    "message_parameters": {"n": found(plain(), (0, 0, 5, 5), (9, 9, 12, 12))},
    "message_parameters_operations": {"n": COUNT},
    "fire_and_forget": False,
    "cooldown_seconds": 5,
}
SMS = {"twilio_account_sid": ACCOUNT, "twilio_auth_token": TOKEN, "sender_number": "+1500", "receiver_number": "+1600"}


@pytest.fixture
def server() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


def services(server: Receiver, **more: Any) -> Services:
    settings = WorkflowSettings(workflow_slack_url=f"{server.url}/api", workflow_twilio_url=server.url)
    return Services(settings=settings, **more)


def slack(server: Receiver) -> Any:
    """Answers as Slack's Web API: status 200 and ``ok``, whatever is wrong."""

    def answer(request: Request) -> Answer:
        if request.path == "/upload/F1":
            return 200, "OK - 2"
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return 200, {"ok": False, "error": "invalid_auth"}
        if request.path == "/api/files.getUploadURLExternal":
            assert request.form == {"filename": ["log.csv"], "length": ["2"]}
            return 200, {"ok": True, "upload_url": f"{server.url}/upload/F1", "file_id": "F1"}
        channel = request.json.get("channel") or request.json.get("channel_id")
        if channel != "C1":
            return 200, {"ok": False, "error": "channel_not_found"}
        # Slack repeats the message with all that it made of it.
        return 200, {"ok": True, "channel": "C1", "message": {"text": request.json.get("text"), "blocks": "x" * 5000}}

    return answer


def to_slack(server: Receiver, **fields: Any) -> Any:
    server.answer = slack(server)
    given = {"slack_token": TOKEN, "channel": "C1", "cooldown_session_key": "k", **VALUES, **fields}
    return run_block(make(SlackNotification, fields.pop("around", None) or services(server)), **given)


def test_a_message_to_slack(server: Receiver) -> None:
    assert to_slack(server) == {"error_status": False, "throttling_status": False, "message": "Sent."}
    (request,) = server.requests
    assert (request.path, request.json) == ("/api/chat.postMessage", {"channel": "C1", "text": "2 cars"})


def test_files_to_slack(server: Receiver) -> None:
    assert to_slack(server, attachments={"log.csv": b"a\n"})["message"] == "Sent with 1 files."
    assert [request.path for request in server.requests] == [
        "/api/files.getUploadURLExternal", "/upload/F1", "/api/files.completeUploadExternal",
    ]  # fmt: skip
    assert server.requests[1].body == b"a\n"
    assert "authorization" not in server.requests[1].headers
    done = {"files": [{"id": "F1", "title": "log.csv"}], "channel_id": "C1", "initial_comment": "2 cars"}
    assert server.requests[2].json == done


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"slack_token": "no"}, "invalid_auth"),
        ({"channel": "C2"}, "channel_not_found"),
        ({"slack_token": "a\nb"}, "token"),
    ],
)
def test_what_slack_refuses(server: Receiver, fields: dict[str, Any], said: str) -> None:
    answer = to_slack(server, **fields)
    assert answer["error_status"]
    assert said in answer["message"]


def test_steps_with_the_same_key_wait_together(server: Receiver) -> None:
    server.answer = slack(server)
    around = services(server, monotonic=lambda: 1.0)
    common = {"slack_token": TOKEN, "channel": "C1", **VALUES}
    answers = [
        run_block(make(SlackNotification, around), cooldown_session_key=key, **common) for key in ("k", "k", "other")
    ]
    assert [answer["throttling_status"] for answer in answers] == [False, True, False]
    server.answer = lambda _: (201, {"sid": "SM1"})
    sms = run_block(make(TwilioSms, around), cooldown_session_key="k", **SMS, **VALUES)
    assert sms["throttling_status"] is False


@pytest.mark.parametrize("block", [TwilioSms, TwilioSmsV2])
def test_a_message_through_twilio(server: Receiver, block: Any) -> None:
    server.answer = lambda _: (201, {"sid": "SM1", "status": "queued"})
    more: dict[str, Any] = {"cooldown_session_key": "k"}
    if block is TwilioSmsV2:
        more = {"sms_provider": "Custom Twilio", "media_url": ["https://a.example/1.jpg", "https://a.example/2.jpg"]}
    answer = run_block(make(block, services(server)), **SMS, **VALUES, **more)
    assert answer == {"error_status": False, "throttling_status": False, "message": "Sent."}
    (request,) = server.requests
    assert request.path == f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
    assert base64.b64decode(request.headers["authorization"].removeprefix("Basic ")).decode() == f"{ACCOUNT}:{TOKEN}"
    expected = {"To": ["+1600"], "From": ["+1500"], "Body": ["2 cars"]}
    if block is TwilioSmsV2:
        expected["MediaUrl"] = more["media_url"]
    assert request.form == expected


def test_long_messages_are_cut(server: Receiver) -> None:
    server.answer = lambda _: (201, {"sid": "SM1"})
    long = {**VALUES, "message": "x" * 500}
    run_block(make(TwilioSms, services(server)), cooldown_session_key="k", length_limit=20, **SMS, **long)
    assert server.requests[0].form["Body"] == ["x" * 14 + " [...]"]


def test_what_twilio_refuses(server: Receiver) -> None:
    server.answer = lambda _: (400, {"code": 21211, "message": "Invalid 'To' Phone Number", "status": 400})
    answer = run_block(make(TwilioSms, services(server)), cooldown_session_key="k", **SMS, **VALUES)
    assert answer["error_status"]
    assert "21211" in answer["message"]
    assert "Invalid 'To'" in answer["message"]
    server.answer = lambda _: (503, "busy")
    assert "503" in run_block(make(TwilioSms, services(server)), cooldown_session_key="k", **SMS, **VALUES)["message"]


def test_what_v2_does_not_do_is_said_at_once(server: Receiver) -> None:
    managed = {"receiver_number": "+1600", "message": "m"}
    assert "Custom Twilio" in run_block(make(TwilioSmsV2, services(server)), **managed)["message"]
    image = {**SMS, **VALUES, "sms_provider": "Custom Twilio", "media_url": plain()}
    assert "URL" in run_block(make(TwilioSmsV2, services(server)), **image)["message"]
    lacking = {**managed, "sms_provider": "Custom Twilio", "fire_and_forget": False}
    assert "twilio_auth_token" in run_block(make(TwilioSmsV2, services(server)), **lacking)["message"]
    assert server.requests == []
