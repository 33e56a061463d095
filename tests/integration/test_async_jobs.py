"""Asynchronous jobs over a real redis-server: one job per key, cancel, erase, expiry, events, listing, full memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from shared import keys
from shared.codec import unpack
from shared.errors import (
    IdempotencyConflict,
    IdempotencyMismatch,
    InputGone,
    InvalidRequest,
    JobFinished,
    JobNotFound,
    LetterNotFound,
    NotFinished,
)
from shared.jobs import Job, JobEvent, JobResult, Terms
from shared.queue.consumer import QueueConsumer, Taken
from shared.queue.deadletters import DeadLetters
from shared.queue.dispatcher import Dispatcher
from shared.queue.ledger import Filter, Ledger
from shared.redis import SyncRedis, connect
from shared.settings import QueueSettings, RedisSettings

pytestmark = pytest.mark.integration
STREAM = keys.queue("any", "normal", "m")
SETTINGS = QueueSettings(lease_ms=500, max_attempts=1, max_listed_jobs=500)


@pytest.fixture
async def dispatcher(redis_url: str) -> AsyncIterator[Dispatcher]:
    made = Dispatcher(RedisSettings(redis_url=redis_url), SETTINGS)
    await made.start()
    yield made
    await made.close()


@pytest.fixture
async def ledger(redis_url: str) -> AsyncIterator[Ledger]:
    made = Ledger(RedisSettings(redis_url=redis_url), SETTINGS)
    yield made
    await made.close()


@pytest.fixture
def worker(redis_url: str) -> QueueConsumer:
    return QueueConsumer(connect(RedisSettings(redis_url=redis_url)), SETTINGS, "w1")


@pytest.fixture
def client(redis_url: str) -> SyncRedis:
    return connect(RedisSettings(redis_url=redis_url))


def job(**values: object) -> Job:
    return Job("m", [b"image"], lane="normal", **values)  # type: ignore[arg-type]


def done(taken: Taken) -> tuple[Taken, JobResult]:
    return taken, JobResult(taken.job.id, "succeeded", outputs=[{"output": {"n": 1}}], attempt=taken.attempt)


def webhook_events(client: SyncRedis) -> list[tuple[str, str]]:
    return [
        (fields[b"job"].decode(), fields[b"event"].decode())
        for _, fields in client.xrange(keys.WEBHOOK_OUTBOX)
        if fields[b"now"].isdigit()
    ]


async def test_two_hundred_submissions_with_one_key_are_one_job(dispatcher: Dispatcher, client: SyncRedis) -> None:
    terms = Terms(idempotency_key="order 66", fingerprint="ab")
    records = await asyncio.gather(*(dispatcher.submit(job(), terms) for _ in range(200)))
    assert len({record.id for record in records}) == 1
    assert client.xlen(STREAM) == 1
    assert client.zcard(keys.JOBS) == 1
    assert int(client.hget(keys.BYTES, "all") or 0) > 0
    found = await dispatcher.find(terms)
    assert found is not None
    assert found.id == records[0].id


async def test_replicas_that_race_for_one_key_make_one_job(redis_url: str, client: SyncRedis) -> None:
    replicas = [Dispatcher(RedisSettings(redis_url=redis_url), SETTINGS) for _ in range(4)]
    try:
        for replica in replicas:
            await replica.start()
        for number in range(50):
            terms = Terms(idempotency_key=f"key {number}", fingerprint="ab")
            records = await asyncio.gather(*(replica.submit(job(), terms) for replica in replicas))
            assert len({record.id for record in records}) == 1
        assert client.xlen(STREAM) == 50
    finally:
        for replica in replicas:
            await replica.close()


async def test_a_job_taken_over_starts_again_in_its_story(dispatcher: Dispatcher, redis_url: str) -> None:
    settings = QueueSettings(lease_ms=500, max_attempts=3)
    lost, heir = (QueueConsumer(connect(RedisSettings(redis_url=redis_url)), settings, name) for name in ("w1", "w2"))
    record = await dispatcher.submit(job(), Terms(webhook={"url": "https://example.com", "events": ["started"]}))
    lost.take([STREAM], 1)
    await asyncio.sleep(0.6)
    (taken,) = heir.takeover([STREAM])
    heir.finish([done(taken)])
    told = [(event.name, event.data) async for event in dispatcher.follow(record.id) if event is not None]
    assert told[1:] == [
        ("started", {"attempt": 1, "worker": "w1"}),
        ("started", {"attempt": 2, "worker": "w2"}),
        ("finished", {"state": "succeeded"}),
    ]
    assert webhook_events(connect(RedisSettings(redis_url=redis_url))) == [(record.id, "started")], "told once"


async def test_a_key_stands_for_one_request(dispatcher: Dispatcher, ledger: Ledger, client: SyncRedis) -> None:
    record = await dispatcher.submit(job(), Terms(idempotency_key="k", fingerprint="aa"))
    other = Terms(idempotency_key="k", fingerprint="bb")
    with pytest.raises(IdempotencyMismatch):
        await dispatcher.submit(job(), other)
    with pytest.raises(IdempotencyMismatch):
        await dispatcher.find(other)
    client.delete(keys.job(record.id))
    with pytest.raises(IdempotencyConflict):
        await dispatcher.submit(job(), Terms(idempotency_key="k", fingerprint="aa"))
    assert await dispatcher.find(Terms(idempotency_key="never", fingerprint="aa")) is None
    again = await dispatcher.submit(job(), Terms(idempotency_key="k2", fingerprint="aa"))
    await ledger.erase(again.id)
    fresh = await dispatcher.submit(job(), Terms(idempotency_key="k2", fingerprint="cc"))
    assert fresh.id != again.id, "erasing a job frees its key"


async def test_a_canceled_job_that_waits_never_runs(
    dispatcher: Dispatcher, ledger: Ledger, worker: QueueConsumer, client: SyncRedis
) -> None:
    record = await dispatcher.submit(job())
    waiting = asyncio.create_task(dispatcher.wait(record.id, 10))
    await asyncio.sleep(0.1)
    await ledger.cancel(record.id)
    await ledger.cancel(record.id)
    ended = await asyncio.wait_for(waiting, 2)
    assert ended.state == "canceled"
    assert ended.result is not None
    assert ended.result.error is not None
    assert ended.result.error["code"] == "canceled"
    assert worker.take([STREAM], 8) == []
    assert client.xlen(STREAM) == 0
    assert int(client.hget(keys.BYTES, "all") or 0) == 0


async def test_a_canceled_job_that_runs_has_no_result(
    dispatcher: Dispatcher, ledger: Ledger, worker: QueueConsumer
) -> None:
    record = await dispatcher.submit(job())
    (taken,) = worker.take([STREAM], 1)
    await ledger.cancel(record.id)
    worker.renew([taken])
    assert taken.lost, "the worker learns of it at its next renewal"
    assert worker.finish([done(taken)]) == 0
    after = await dispatcher.get(record.id)
    assert (after.state, after.worker, after.attempt) == ("canceled", "w1", 1)


async def test_what_has_ended_cannot_be_canceled(dispatcher: Dispatcher, ledger: Ledger, worker: QueueConsumer) -> None:
    record = await dispatcher.submit(job())
    worker.finish([done(taken) for taken in worker.take([STREAM], 1)])
    with pytest.raises(JobFinished):
        await ledger.cancel(record.id)
    assert (await dispatcher.get(record.id)).state == "succeeded"
    with pytest.raises(JobNotFound):
        await ledger.cancel("nothing")


async def test_canceling_races_with_finishing_and_one_of_them_wins(
    dispatcher: Dispatcher, ledger: Ledger, worker: QueueConsumer
) -> None:
    for _ in range(50):
        record = await dispatcher.submit(job())
        (taken,) = worker.take([STREAM], 1)
        counted, canceled = await asyncio.gather(
            asyncio.to_thread(worker.finish, [done(taken)]), ledger.cancel(record.id), return_exceptions=True
        )
        state = (await dispatcher.get(record.id)).state
        assert (counted, state) in {(1, "succeeded"), (0, "canceled")}
        assert isinstance(canceled, JobFinished) == (state == "succeeded")


@pytest.mark.parametrize("stage", ["queued", "running", "finished", "dead"])
async def test_erasing_leaves_nothing(
    dispatcher: Dispatcher, ledger: Ledger, worker: QueueConsumer, client: SyncRedis, stage: str
) -> None:
    terms = Terms(idempotency_key="k", fingerprint="aa", input_ttl_ms=60_000)
    record = await dispatcher.submit(job(), terms)
    taken = worker.take([STREAM], 1) if stage != "queued" else []
    if stage == "finished":
        worker.finish([done(item) for item in taken])
    if stage == "dead":
        await asyncio.sleep(0.6)
        assert worker.takeover([STREAM]) == []
        assert client.xlen(keys.DEAD) == 1
    await ledger.erase(record.id)
    assert [key for key in client.keys("*") if record.id.encode() in key] == []
    assert client.keys("vf:idem:*") == []
    assert (client.xlen(STREAM), client.xlen(keys.DEAD)) == (0, 0)
    assert (client.zcard(keys.JOBS), client.zcard(keys.DUE)) == (0, 0)
    assert int(client.hget(keys.BYTES, "all") or 0) == 0
    assert worker.finish([done(item) for item in taken]) == 0
    assert [key for key in client.keys("*") if record.id.encode() in key] == [], "a late result brings nothing back"
    with pytest.raises(JobNotFound):
        await ledger.erase(record.id)


async def test_a_job_that_nobody_starts_in_time_expires(dispatcher: Dispatcher, worker: QueueConsumer) -> None:
    record = await dispatcher.submit(job(), Terms(start_timeout_ms=100))
    assert (await dispatcher.wait(record.id, 5)).state == "expired", "without any worker"
    await dispatcher.submit(job(), Terms(start_timeout_ms=50))
    await asyncio.sleep(0.06)
    assert worker.take([STREAM], 8) == []


async def test_a_job_that_started_in_time_may_run_on(dispatcher: Dispatcher, worker: QueueConsumer) -> None:
    record = await dispatcher.submit(job(timeout_ms=60_000), Terms(start_timeout_ms=400))
    (taken,) = worker.take([STREAM], 1)
    await asyncio.sleep(2)
    assert (await dispatcher.get(record.id)).state == "running"
    assert worker.finish([done(taken)]) == 1


async def test_a_running_job_ends_with_its_timeout(dispatcher: Dispatcher, worker: QueueConsumer) -> None:
    record = await dispatcher.submit(job(timeout_ms=300))
    (taken,) = worker.take([STREAM], 1)
    assert (await dispatcher.wait(record.id, 5)).state == "expired"
    assert worker.finish([done(taken)]) == 0


async def test_the_story_of_a_job(dispatcher: Dispatcher, worker: QueueConsumer) -> None:
    await dispatcher.submit(job())
    record = await dispatcher.submit(Job("m", [b"1", b"2", b"3"], lane="normal"))
    assert (await dispatcher.get(record.id)).position == 2
    told: list[JobEvent | None] = []

    async def listen(after: str) -> None:
        async for event in dispatcher.follow(record.id, after, quiet_s=0.2):
            told.append(event)  # noqa: PERF401 - the list is looked at while it grows

    listening = asyncio.create_task(listen(""))
    await asyncio.sleep(0.3)
    taken = worker.take([STREAM], 2)
    taken[1].done = 2
    assert worker.progress(taken) == 1
    assert worker.progress(taken) == 0, "nothing has moved"
    running = await dispatcher.get(record.id)
    assert (running.images, running.images_done, running.position) == (3, 2, None)
    worker.finish([done(item) for item in taken])
    await asyncio.wait_for(listening, 5)
    events = [event for event in told if event is not None]
    assert None in told, "silence is told too"
    assert [(event.name, event.data) for event in events] == [
        ("queued", {"position": 2}),
        ("started", {"attempt": 1, "worker": "w1"}),
        ("progress", {"done": 2, "images": 3}),
        ("finished", {"state": "succeeded"}),
    ]
    told.clear()
    await listen(events[1].id)
    assert told == events[2:], "it can be taken up where it was left"
    taken[1].done = 3
    assert worker.progress([taken[1]]) == 0
    assert taken[1].lost, "the job is over"
    with pytest.raises(JobNotFound):
        await anext(dispatcher.follow("nothing"))


async def test_the_webhook_outbox_gets_what_was_asked_for(
    dispatcher: Dispatcher, ledger: Ledger, worker: QueueConsumer, client: SyncRedis
) -> None:
    hook = {"url": "https://example.com/hook", "events": [], "secret_id": "s"}
    terms = [Terms(webhook={**hook, "events": ["started", "succeeded"]}), Terms(webhook=hook), Terms()]
    ids = [(await dispatcher.submit(job(), each)).id for each in terms]
    worker.finish([done(taken) for taken in worker.take([STREAM], 8)])
    canceled = await dispatcher.submit(job(), Terms(webhook=hook))
    await ledger.cancel(canceled.id)
    assert webhook_events(client) == [
        (ids[0], "started"),
        (ids[0], "succeeded"),
        (ids[1], "succeeded"),
        (canceled.id, "canceled"),
    ]
    assert unpack(client.hget(keys.job(ids[1]), "webhook") or b"") == hook
    assert (await dispatcher.get(ids[1])).webhook == hook


async def test_jobs_are_listed_newest_first_in_pages(dispatcher: Dispatcher, ledger: Ledger) -> None:
    ids = []
    for number in range(25):
        lane = "bulk" if number % 2 else "normal"
        ids.append((await dispatcher.submit(Job("m", [b"x"], lane=lane, metadata={"n": str(number)}))).id)
    await ledger.cancel(ids[3])
    pages, cursor = [], ""
    while True:
        page, cursor = await ledger.jobs(Filter(), 10, cursor)
        pages.append([record.id for record in page])
        if not cursor:
            break
    assert [len(page) for page in pages] == [10, 10, 5]
    assert sorted(job_id for page in pages for job_id in page) == sorted(ids)
    (found,), _ = await ledger.jobs(Filter(state="canceled"), 10)
    assert (found.id, found.metadata, found.result) == (ids[3], {"n": "3"}, None)
    assert len((await ledger.jobs(Filter(lane="bulk"), 100))[0]) == 12
    assert (await ledger.jobs(Filter(model="other"), 10)) == ([], "")
    assert (await ledger.jobs(Filter(since_ms=2**52), 10)) == ([], "")
    with pytest.raises(InvalidRequest):
        await ledger.jobs(Filter(), 10, "1; drop")


async def test_the_list_has_a_bound_and_forgets_expired_records(
    dispatcher: Dispatcher, ledger: Ledger, client: SyncRedis
) -> None:
    records = await asyncio.gather(*(dispatcher.submit(Job("m", [b"x"], lane="normal")) for _ in range(520)))
    assert client.zcard(keys.JOBS) == 500
    newest = records[-1]
    client.delete(keys.job(newest.id))
    page, _ = await ledger.jobs(Filter(), 1000)
    assert len(page) == 499
    assert client.zcard(keys.JOBS) == 499


async def test_a_job_runs_again_when_its_input_was_kept(
    dispatcher: Dispatcher, ledger: Ledger, worker: QueueConsumer, client: SyncRedis
) -> None:
    hook = {"url": "https://example.com/hook"}
    record = await dispatcher.submit(job(metadata={"a": "b"}), Terms(input_ttl_ms=60_000, webhook=hook))
    with pytest.raises(NotFinished):
        await ledger.again(record.id)
    await ledger.cancel(record.id)
    again, terms = await ledger.again(record.id)
    assert again.id != record.id
    assert (again.inputs, again.metadata) == ([b"image"], {"a": "b"})
    assert (terms.webhook, terms.input_ttl_ms) == (hook, 60_000)
    assert 0 < client.pttl(keys.kept_input(record.id)) <= 60_000
    forgotten = await dispatcher.submit(job())
    worker.finish([done(taken) for taken in worker.take([STREAM], 1)])
    with pytest.raises(InputGone):
        await ledger.again(forgotten.id)
    with pytest.raises(JobNotFound):
        await ledger.again("nothing")


async def test_results_last_as_long_as_the_job_asked(
    dispatcher: Dispatcher, worker: QueueConsumer, client: SyncRedis
) -> None:
    record = await dispatcher.submit(job(), Terms(result_ttl_ms=5_000))
    worker.finish([done(taken) for taken in worker.take([STREAM], 1)])
    assert 0 < client.pttl(keys.job(record.id)) <= 5_000
    assert 0 < client.pttl(keys.events(record.id)) <= 5_000


async def test_dead_letters_are_read_run_again_and_thrown_away(
    dispatcher: Dispatcher, worker: QueueConsumer, redis_url: str
) -> None:
    dead = DeadLetters(RedisSettings(redis_url=redis_url), SETTINGS)
    try:
        records = [await dispatcher.submit(job(metadata={"n": str(number)})) for number in range(3)]
        assert len(worker.take([STREAM], 3)) == 3
        await asyncio.sleep(0.6)
        assert worker.takeover([STREAM]) == []
        first, cursor = await dead.page(2)
        rest, end = await dead.page(2, cursor)
        assert [letter.job_id for letter in [*first, *rest]] == [record.id for record in reversed(records)]
        assert (len(first), end, first[0].attempts, first[0].model) == (2, "", 1, "m")
        again = await dead.job(rest[0].id)
        assert (again.inputs, again.metadata) == ([b"image"], {"n": "0"})
        assert again.id not in {record.id for record in records}
        await dead.drop(rest[0].id)
        with pytest.raises(LetterNotFound):
            await dead.job(rest[0].id)
        with pytest.raises(InvalidRequest):
            await dead.page(2, "nonsense")
        assert (await dead.count(), await dead.purge(), await dead.count()) == (2, 2, 0)
    finally:
        await dead.close()


async def test_the_story_has_a_bound_and_still_its_end(
    dispatcher: Dispatcher, worker: QueueConsumer, client: SyncRedis
) -> None:
    record = await dispatcher.submit(Job("m", [b"x"] * 400, lane="normal"))
    (taken,) = worker.take([STREAM], 1)
    for done_images in range(1, 400):
        taken.done = done_images
        worker.progress([taken])
    worker.finish([done(taken)])
    events = [event async for event in dispatcher.follow(record.id) if event is not None]
    assert len(events) <= 201
    assert (events[0].name, events[1].name, events[-1].name) == ("queued", "started", "finished")
    assert client.memory_usage(keys.events(record.id)) < 20_000
