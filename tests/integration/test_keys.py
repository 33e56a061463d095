"""API keys over a real Redis: made, shared by replicas, revoked, limited, counted, lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from shared import keys
from shared.access.gate import KeyGate
from shared.access.key import ApiKey, Limits
from shared.access.store import KeyNotFound, KeyStore, Wanted
from shared.access.token import new_token
from shared.errors import InvalidRequest, QueueUnavailable, QuotaExceeded
from shared.jobs import Job, JobResult, Terms
from shared.queue.consumer import QueueConsumer
from shared.queue.dispatcher import Dispatcher
from shared.queue.ledger import Ledger
from shared.redis import AsyncRedis, connect, connect_async
from shared.settings import QueueSettings, RedisSettings
from tests.redis_server import RedisServer

pytestmark = pytest.mark.integration


@pytest.fixture
def settings(redis_url: str) -> RedisSettings:
    return RedisSettings(redis_url=redis_url)


@pytest.fixture
async def client(settings: RedisSettings) -> AsyncIterator[AsyncRedis]:
    made = connect_async(settings)
    yield made
    await made.aclose()


@pytest.fixture
def store(client: AsyncRedis) -> KeyStore:
    return KeyStore(client)


@asynccontextmanager
async def replica(settings: RedisSettings, store: KeyStore) -> AsyncIterator[KeyGate]:
    """One more API replica, as far as keys go."""
    dispatcher = Dispatcher(settings, QueueSettings())
    gate = KeyGate(store, dispatcher.run)
    await dispatcher.start()
    await gate.start()
    try:
        yield gate
    finally:
        await gate.close()
        await dispatcher.close()


async def until(check: Callable[[], bool] | Callable[[], Awaitable[bool]]) -> None:
    for _ in range(200):
        found = check()
        if found if isinstance(found, bool) else await found:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("never")


async def test_a_key_is_stored_as_its_hash_only(client: AsyncRedis, store: KeyStore, redis_server: RedisServer) -> None:
    key, text = await store.create(Wanted("gate", ["jobs", "infer"], expires_in_s=60))
    assert (key.scopes, key.owner, key.state()) == (("infer", "jobs"), key.id, "active")
    dump = await client.execute_command("DUMP", keys.KEYS)
    assert text.encode() not in dump
    assert text.split("_", 2)[2].encode() not in dump
    assert await store.all() == [key]
    with pytest.raises(InvalidRequest, match="scopes"):
        await store.create(Wanted("gate", ["everything"]))
    with pytest.raises(KeyNotFound):
        await store.revoke("0" * 12)


async def test_every_replica_learns_of_a_revocation(settings: RedisSettings, store: KeyStore) -> None:
    async with replica(settings, store) as one, replica(settings, store) as two:
        assert not one.exist
        _, text = await store.create(Wanted("gate", ["infer"]))
        await until(lambda: one.find(text) is not None and two.find(text) is not None)
        assert one.find(text[:-1] + ("0" if text[-1] != "0" else "1")) is None
        assert one.find(new_token().text) is None
        assert one.find("") is None
        await store.revoke(text.split("_")[1])
        await until(lambda: one.find(text) is None and two.find(text) is None)
        assert one.exist


async def test_a_new_key_works_everywhere_at_once(settings: RedisSettings, store: KeyStore) -> None:
    async with replica(settings, store) as one, replica(settings, store) as two:
        for _ in range(20):
            unknown = new_token().text
            assert await one.search(unknown) is None  # both have looked just now
            _, text = await store.create(Wanted("gate", ["jobs"]))
            found = await asyncio.gather(*(gate.search(text) for gate in (one, two) for _ in range(3)))
            assert all(found)


async def test_replicas_share_one_bucket(settings: RedisSettings, store: KeyStore) -> None:
    key, _ = await store.create(Wanted("gate", ["infer"], limits=Limits(rate=0.001, burst=5)))
    async with replica(settings, store) as one, replica(settings, store) as two:
        verdicts = await asyncio.gather(*(gate.admit(key, f"r{n}") for n, gate in enumerate([one, two] * 5)))
    passed = [verdict for verdict in verdicts if verdict is not None and not verdict.refused]
    assert sorted(verdict.left for verdict in passed) == [0, 1, 2, 3, 4]
    refused = next(verdict for verdict in verdicts if verdict is not None and verdict.refused == "rate")
    assert 900_000 < refused.retry_ms <= 1_000_000


async def test_a_bucket_fills_again(settings: RedisSettings, store: KeyStore) -> None:
    key, _ = await store.create(Wanted("gate", ["infer"], limits=Limits(rate=50, burst=1)))
    async with replica(settings, store) as gate:

        async def passes() -> bool:
            verdict = await gate.admit(key, "r")
            return verdict is not None and not verdict.refused

        assert await passes()
        await until(passes)


async def test_replicas_share_what_is_under_way(settings: RedisSettings, store: KeyStore) -> None:
    key, _ = await store.create(Wanted("gate", ["infer"], limits=Limits(concurrency=2)))

    async def begin(gate: KeyGate, name: str) -> str:
        verdict = await gate.admit(key, name)
        assert verdict is not None
        return verdict.refused

    async with replica(settings, store) as one, replica(settings, store) as two:
        assert [await begin(one, "a"), await begin(two, "b"), await begin(one, "c")] == ["", "", "busy"]
        await two.release(key, "b")
        assert [await begin(one, "c"), await begin(two, "d")] == ["", "busy"]


async def test_a_key_without_limits_asks_nobody(
    settings: RedisSettings, store: KeyStore, redis_server: RedisServer
) -> None:
    key, _ = await store.create(Wanted("gate", ["infer"]))
    async with replica(settings, store) as gate:
        redis_server.kill()
        assert await gate.admit(key, "r") is None
        await gate.release(key, "r")
        redis_server.start()


async def test_uses_are_counted(settings: RedisSettings, store: KeyStore) -> None:
    key, _ = await store.create(Wanted("gate", ["infer"]))
    async with replica(settings, store) as gate:
        for refused in (False, False, True):
            gate.count(key.id, refused=refused)
    usage = await store.usage(key.id)
    assert (usage.requests, usage.refused) == (2, 1)
    assert usage.last_ms is not None


async def test_keys_stay_closed_when_redis_loses_them(
    settings: RedisSettings, store: KeyStore, client: AsyncRedis
) -> None:
    """A server that opened because its keys were wiped would be an open server."""
    async with replica(settings, store) as gate:
        _, text = await store.create(Wanted("gate", ["infer"]))
        await until(lambda: gate.find(text) is not None)
        await client.flushall()
        await until(lambda: gate.find(text) is None)
        assert gate.exist


async def test_nobody_knows_the_keys_before_redis_was_there(
    settings: RedisSettings, store: KeyStore, redis_server: RedisServer
) -> None:
    _, text = await store.create(Wanted("gate", ["infer"]))
    redis_server.stop()
    async with replica(settings, store) as gate:
        with pytest.raises(QueueUnavailable):
            assert gate.exist
        assert gate.find(text) is None
        redis_server.start()
        await until(lambda: gate.find(text) is not None)


async def test_forged_records_open_nothing(settings: RedisSettings, store: KeyStore, client: AsyncRedis) -> None:
    _, text = await store.create(Wanted("gate", ["infer"]))
    forged: dict[str, bytes] = {"0" * 12: b"\xc1", "1" * 12: b"", "2" * 12: b"\x81\xa1x\x01", "\xff": b"\x80"}
    await client.hset(keys.KEYS, mapping=forged)
    await client.incr(keys.KEYS_VERSION)
    async with replica(settings, store) as gate:
        assert gate.find(text) is not None
        assert [key.name for key in await store.all()] == ["gate"]


async def test_an_owner_has_its_share_of_the_queue(settings: RedisSettings, store: KeyStore) -> None:
    queue = QueueSettings(max_queue_depth=10)
    key, _ = await store.create(Wanted("gate", ["jobs"], owner="team", limits=Limits(queue_share=0.3)))
    dispatcher, ledger = Dispatcher(settings, queue), Ledger(settings, queue)
    await dispatcher.start()
    try:
        await share(dispatcher, ledger, QueueConsumer(connect(settings), queue, "w1"), key)
    finally:
        await ledger.close()
        await dispatcher.close()


async def share(dispatcher: Dispatcher, ledger: Ledger, worker: QueueConsumer, key: ApiKey) -> None:
    """However a job ends, its place is free again."""

    def job(**more: str) -> Job:
        return Job(model="m", inputs=[b"x"], owner=key.owner, **more)

    async def full() -> bool:
        with pytest.raises(QuotaExceeded, match="3 unfinished"):
            await dispatcher.submit(job(lane="bulk"))
        with pytest.raises(QuotaExceeded):
            await dispatcher.call([job()])
        return True

    first, second, third = [await dispatcher.submit(job(), Terms(input_ttl_ms=60_000)) for _ in range(3)]
    assert first.owner == "team"
    assert await full()
    await dispatcher.submit(Job(model="m", inputs=[b"x"]))  # others are served
    await dispatcher.submit(Job(model="m", inputs=[b"x"], owner="other"))
    (taken,) = await asyncio.to_thread(worker.take, [keys.queue("any", "live", "m")], 1)
    assert taken.job.id == first.id
    assert taken.job.owner == "team"
    await asyncio.to_thread(worker.finish, [(taken, JobResult(first.id, "succeeded"))])
    await dispatcher.submit(job())
    assert await full()
    await ledger.cancel(second.id)
    await dispatcher.submit(job())
    assert await full()
    await ledger.erase(third.id)
    expiring = await dispatcher.submit(job(timeout_ms=1))  # type: ignore[arg-type]
    assert (await dispatcher.get(expiring.id)).owner == "team"
    await until(lambda: ended(dispatcher, expiring.id))
    await dispatcher.submit(job())
    assert await full()


async def ended(dispatcher: Dispatcher, job_id: str) -> bool:
    return (await dispatcher.get(job_id)).done
