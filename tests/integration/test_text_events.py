"""Texts that are told while they are written, over a real redis-server: in pieces, and no longer once nobody waits."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared import keys
from shared.jobs import Job, JobResult
from shared.queue.consumer import QueueConsumer
from shared.queue.dispatcher import Dispatcher
from shared.queue.ledger import Ledger
from shared.redis import connect
from shared.settings import QueueSettings, RedisSettings
from tests.integration.worker_process import Bench
from tests.parity import pictures
from tests.unit.engine import examples

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]
SETTINGS = QueueSettings(lease_ms=60_000)


@pytest.fixture
async def dispatcher(redis_url: str) -> AsyncIterator[Dispatcher]:
    made = Dispatcher(RedisSettings(redis_url=redis_url), SETTINGS)
    await made.start()
    yield made
    await made.close()


async def test_pieces_are_told_in_order_and_whole(dispatcher: Dispatcher, redis_url: str) -> None:
    worker = QueueConsumer(connect(RedisSettings(redis_url=redis_url)), SETTINGS, "w1")
    record = await dispatcher.submit(Job("m", [b"x", b"y"], lane="normal"))
    (taken,) = worker.take([keys.queue("any", "normal", "m")], 1)
    taken.pieces.extend([(0, "one "), (1, "other"), (0, "naïve 🙂")])
    assert worker.say([taken]) == 1
    assert worker.say([taken]) == 0
    taken.pieces.append((0, "!"))
    worker.say([taken])
    worker.finish([(taken, JobResult(record.id, "succeeded", outputs=[{"output": {}}] * 2, attempt=1))])
    told = [event.data async for event in dispatcher.follow(record.id) if event is not None and event.name == "text"]
    assert told == [
        {"input": 0, "text": "one naïve 🙂"},
        {"input": 1, "text": "other"},
        {"input": 0, "text": "!"},
    ]


async def test_who_writes_for_nobody_hears_so(dispatcher: Dispatcher, redis_url: str) -> None:
    worker = QueueConsumer(connect(RedisSettings(redis_url=redis_url)), SETTINGS, "w1")
    record = await dispatcher.submit(Job("m", [b"x"], lane="normal"))
    (taken,) = worker.take([keys.queue("any", "normal", "m")], 1)
    ledger = Ledger(RedisSettings(redis_url=redis_url), SETTINGS)
    await ledger.cancel(record.id)
    await ledger.close()
    taken.pieces.append((0, "late"))
    assert worker.say([taken]) == 0
    assert taken.lost


async def test_a_worker_tells_what_it_writes(redis_url: str, tmp_path: Path) -> None:
    examples.model(tmp_path / "models" / "reader", "trocr", "ocr")
    bench = Bench(redis_url, tmp_path / "models", tmp_path, preload_models="reader")
    await bench.dispatcher.start()
    try:
        await bench.ready("writer")
        image = pictures.read(pictures.NAMES[0])
        record = await bench.dispatcher.submit(Job("reader", [image], lane="normal", params={"max_new_tokens": 200}))
        ended = await bench.dispatcher.wait(record.id, 60)
        assert ended.result is not None
        text = ended.result.outputs[0]["output"]["result"]
        story = [event async for event in bench.dispatcher.follow(record.id) if event is not None]
        pieces = "".join(event.data["text"] for event in story if event.name == "text")
        assert pieces.strip() == text
        assert [story[0].name, story[1].name, story[-1].name] == ["queued", "started", "finished"]
    finally:
        await asyncio.wait_for(bench.close(), 30)


async def test_a_canceled_text_is_not_written_on(redis_url: str, tmp_path: Path) -> None:
    """By steps: of a thousand that were asked for, the worker takes those until it hears of it, and no more."""
    examples.model(tmp_path / "models" / "reader", "smolvlm", "lmm")
    bench = Bench(redis_url, tmp_path / "models", tmp_path, preload_models="reader")
    await bench.dispatcher.start()
    ledger = Ledger(RedisSettings(redis_url=redis_url), SETTINGS)
    try:
        await bench.ready("writer")
        images = [pictures.read(name) for name in pictures.NAMES[:5]] * 2
        asked = Job("reader", images, lane="normal", params={"prompt": "x", "max_new_tokens": 900})
        record = await bench.dispatcher.submit(asked)
        async for event in bench.dispatcher.follow(record.id):
            if event is not None and event.name == "text":
                break
        await ledger.cancel(record.id)
        await bench.saying("writer", "text.given_up", 60)
        lines = [line for line in bench.workers["writer"].log.read_text().splitlines() if "text.given_up" in line]
        steps = [int(found) for line in lines for found in re.findall(r"steps\W+(\d+)", line)]
        assert steps
        assert max(steps) < 800
        short = Job("reader", images[:1], lane="normal", params={"prompt": "x", "max_new_tokens": 3})
        ended = await bench.dispatcher.wait((await bench.dispatcher.submit(short)).id, 60)
        assert ended.result is not None
        assert ended.result.outputs[0]["output"]["tokens"] == 3
        assert (await bench.dispatcher.get(record.id)).state == "canceled"
    finally:
        await ledger.close()
        await asyncio.wait_for(bench.close(), 30)
