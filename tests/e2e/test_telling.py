"""Texts told while they are written: over HTTP, with a real worker and real decoders."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from visionfleet import Client
from visionfleet.errors import InvalidImage

from tests.architecture.tree import ROOT
from tests.launcher import Launched
from tests.parity import pictures
from tests.parity.foundation import FOLDER

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]
WAIT_S = 90.0
MODEL = "smolvlm"
ASKED: dict[str, Any] = {"prompt": "What is it?", "max_new_tokens": 600}


def until(reached: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + WAIT_S
    while not reached():
        assert time.monotonic() < deadline, what
        time.sleep(0.2)


@pytest.fixture(scope="module")
def client(system: Launched) -> Iterator[Client]:
    shutil.copytree(FOLDER / MODEL, system.data_dir / "models" / MODEL, dirs_exist_ok=True)
    with Client(system.base_url, timeout=WAIT_S) as client:
        until(lambda: MODEL in {model.id for model in client.models.list()}, "the worker sees the model")
        yield client


def test_words_come_one_after_the_other_and_the_answer_is_the_plain_one(client: Client) -> None:
    image = pictures.read(pictures.NAMES[0])
    whole = client.infer(image, MODEL, **ASKED)
    told = list(client.write(image, MODEL, **ASKED))
    assert len(told) >= 3
    assert "".join(map(str, told)).strip() == whole.text
    ended = told[-1].result
    assert ended is not None
    unlike = {"inference_id", "time"}
    assert {k: v for k, v in ended.raw.items() if k not in unlike} == {
        k: v for k, v in whole.raw.items() if k not in unlike
    }
    assert list(client.jobs.list(model=MODEL)) == []


def test_an_image_that_is_none_is_an_ordinary_answer(client: Client) -> None:
    with pytest.raises(InvalidImage):
        list(client.write(b"no image", MODEL, **ASKED))


def test_who_leaves_ends_the_writing(client: Client, system: Launched) -> None:
    """By steps: of nine hundred that were asked for, the worker takes those until it hears of it, and no more."""
    before = len(given_up(system))
    told = client.write(pictures.read(pictures.NAMES[0]), MODEL, prompt="x", max_new_tokens=900)
    assert str(next(told))
    told.close()
    until(lambda: len(given_up(system)) > before, "the worker gives the text up")
    assert given_up(system)[-1] < 800
    again = client.infer(pictures.read(pictures.NAMES[0]), MODEL, prompt="x", max_new_tokens=3)
    assert again.raw["tokens"] == 3
    assert list(client.jobs.list(model=MODEL)) == []


def given_up(system: Launched) -> list[int]:
    """Steps of the texts that nobody waited for."""
    logs = (log.read_text(errors="replace") for log in sorted((system.data_dir / "logs").glob("worker*")))
    lines = [line for log in logs for line in log.splitlines() if "text.given_up" in line]
    return [int(found) for line in lines for found in re.findall(r"steps\W+(\d+)", line)]


def test_on_the_command_line(client: Client, system: Launched) -> None:
    image = pictures.FOLDER / pictures.NAMES[0]
    wanted = client.infer(image, MODEL, **ASKED)
    command = [sys.executable, "-m", "visionfleet.cli.app", "infer", str(image), "-m", MODEL, "--url", system.base_url]
    command += ["--prompt", ASKED["prompt"], "--max-tokens", str(ASKED["max_new_tokens"]), "--stream", "--json"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "client")}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=WAIT_S, check=True)
    *pieces, last = map(json.loads, ran.stdout.splitlines())
    assert len(pieces) >= 2
    assert "".join(piece["text"] for piece in pieces).strip() == wanted.text
    assert last["response"] == wanted.text


def test_by_curl(client: Client, system: Launched) -> None:
    """Without our client: the head, the events' form, and the last of them."""
    body = {
        "model_id": MODEL,
        "stream": True,
        "image": {"type": "base64", "value": b64encode(pictures.read(pictures.NAMES[1])).decode()},
    }
    with requests.post(f"{system.base_url}/infer/lmm", json={**body, **ASKED}, stream=True, timeout=WAIT_S) as answer:
        assert answer.headers["Content-Type"] == "text/event-stream"
        assert "Content-Length" not in answer.headers
        blocks = answer.text.strip().split("\n\n")
    assert blocks[0].startswith('event: text\ndata: {"input":0,"text":"')
    assert blocks[-1].startswith('event: result\ndata: {"inference_id":"')
    del client
