"""Texts as they are written, through both clients and on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from visionfleet import AsyncClient, Client
from visionfleet.errors import (
    BadAnswer,
    DeadlineExceeded,
    ModelNotFound,
    ServerUnreachable,
    UnsupportedTask,
)
from visionfleet.results import Writing

from tests.unit.client.answers import MODELS
from tests.unit.client.fake_server import Answer, FakeServer
from tests.unit.client.test_cli import visionfleet

LMM = "/infer/lmm"
PICTURE = b"\xff\xd8 a picture"
TEXTS = b'event: text\ndata: {"input":0,"text":"A c"}\n\n: still here\n\n'
TEXTS += b'event: text\ndata: {"input":0,"text":"at.\\nOn"}\n\n'
WHOLE = {"inference_id": "i", "time": 1.0, "image": {"width": 9, "height": 9}, "response": "A cat.\nOn", "tokens": 4}
RESULT = b"event: result\ndata: " + json.dumps(WHOLE).encode() + b"\n\n"
FAILED = b'event: error\ndata: {"message":"Too late.","code":"deadline_exceeded"}\n\n'


@pytest.fixture
def writer(server: FakeServer) -> FakeServer:
    known = {**MODELS["models"][0], "id": "writer", "task": "lmm", "aliases": []}
    server.answer("/v1/models", Answer({**MODELS, "models": [*MODELS["models"], known]}))
    server.answer(LMM, Answer(TEXTS + RESULT, headers={"Content-Type": "text/event-stream"}))
    return server


async def test_pieces_and_the_whole(client: Client, waiting: AsyncClient, writer: FakeServer) -> None:
    told = list(client.write(PICTURE, "writer", prompt="What?", max_new_tokens=9))
    assert [piece.text for piece in told] == ["A c", "at.\nOn", ""]
    assert "".join(map(str, told)) == "A cat.\nOn"
    assert isinstance(told[-1].result, Writing)
    assert told[-1].result.text == "A cat.\nOn"
    (asked,) = writer.to(LMM)
    assert asked.headers["Accept"] == "text/event-stream"
    assert (asked.json["prompt"], asked.json["max_new_tokens"]) == ("What?", 9)
    assert [str(piece) async for piece in waiting.write(PICTURE, "writer")] == ["A c", "at.\nOn", ""]


def test_errors_before_and_after_the_first_words(client: Client, writer: FakeServer) -> None:
    writer.answer(LMM, Answer({"message": "None.", "code": "model_not_found"}, 404))
    with pytest.raises(ModelNotFound):
        list(client.write(PICTURE, "writer"))
    writer.answer(LMM, Answer(TEXTS + FAILED))
    told = client.write(PICTURE, "writer")
    assert [str(next(told)), str(next(told))] == ["A c", "at.\nOn"]
    with pytest.raises(DeadlineExceeded, match="Too late"):
        next(told)
    with pytest.raises(UnsupportedTask, match="writes no text"):
        list(client.write(PICTURE, "shapes"))


@pytest.mark.parametrize(("answer", "kind"), [
    (Answer(TEXTS), ServerUnreachable),
    (Answer(TEXTS, cut=True), ServerUnreachable),
    (Answer(WHOLE), BadAnswer),
])  # fmt: skip
def test_an_answer_that_breaks_off(client: Client, writer: FakeServer, answer: Answer, kind: type[Exception]) -> None:
    writer.answer(LMM, answer)
    with pytest.raises(kind):
        list(client.write(PICTURE, "writer"))


def test_on_the_command_line(writer: FakeServer, tmp_path: Path) -> None:
    photo = tmp_path / "a.jpg"
    photo.write_bytes(PICTURE)
    command = ("infer", photo, "-m", "writer", "--prompt", "What?", "--stream", "--url", writer.url)
    shown = visionfleet(*command)
    assert shown.exit_code == 0, shown.output
    assert shown.stdout == f"{photo}: writer\nA cat.\nOn\n"
    lines = [json.loads(line) for line in visionfleet(*command, "--json").stdout.splitlines()]
    assert [line["source"] for line in lines] == [str(photo)] * 3
    assert lines[0]["text"] == "A c"
    assert lines[2]["response"] == "A cat.\nOn"
    writer.answer(
        LMM, Answer(TEXTS + b'event: error\ndata: {"message":"Hm\\u001b[31m.","code":"inference_failed"}\n\n')
    )
    broken = visionfleet(*command)
    assert broken.exit_code == 1
    assert "\x1b[31m" not in broken.output
    assert "inference_failed" in visionfleet(*command, "--json").stdout
    assert "--save" in visionfleet(*command, "--save", tmp_path / "out").output
