"""From the outbox to the receiver, over a real redis-server and real HTTP."""

from __future__ import annotations

import asyncio
import json

import pytest
from aiohttp import web
from standardwebhooks import Webhook

from shared import keys
from shared.egress import Egress
from shared.egress_policy import EgressPolicy
from shared.errors import InvalidRequest, QueueUnavailable
from shared.webhooks.delivery import DeliveryNotFound
from shared.webhooks.ledger import Filter
from shared.webhooks.schedule import DELAYS_S, Verdict
from shared.webhooks.secrets import SecretNotFound
from shared.webhooks.signature import new_key
from tests.integration.webhooks.conftest import Desk, Receiver
from tests.redis_server import RedisServer

pytestmark = pytest.mark.integration


async def test_a_webhook_arrives_signed(desk: Desk, receiver: Receiver) -> None:
    key = new_key("hmac")
    secret = await desk.secrets.create("mine", [key])
    name = await desk.job_ends("j1", receiver.url, secret_id=secret.id)
    assert await desk.deliver() == 1
    ((headers, body),) = receiver.seen
    assert Webhook(key.text).verify(body, headers)["type"] == "job.succeeded"
    assert headers["webhook-id"] == name
    delivery = await desk.ledger.get(name)
    assert (delivery.state, delivery.attempts, delivery.due_ms) == ("delivered", 1, None)
    assert await desk.deliver() == 0, "nothing is left"


async def test_an_event_is_one_delivery_however_often_it_is_told(desk: Desk, receiver: Receiver) -> None:
    for _ in range(3):
        await desk.job_ends("j1", receiver.url)
    await desk.job_ends("j1", receiver.url, event="started")
    await desk.client.xadd(keys.WEBHOOK_OUTBOX, {"job": "unknown", "event": "succeeded"})
    await desk.client.xadd(keys.WEBHOOK_OUTBOX, {"nonsense": "1"})
    await desk.deliver()
    assert sorted(receiver.ids()) == ["msg_j1_started", "msg_j1_succeeded"]
    assert await desk.client.xlen(keys.WEBHOOK_OUTBOX) == 0


async def test_failures_are_repeated_with_the_same_id_and_body_until_they_are_given_up(
    desk: Desk, receiver: Receiver
) -> None:
    receiver.answers = lambda *_: web.Response(status=500, text="broken")
    name = await desk.job_ends("j1", receiver.url)
    for attempt in range(1, len(DELAYS_S) + 1):
        await desk.deliver()
        delivery = await desk.ledger.get(name)
        assert delivery.attempts == attempt
        assert await desk.deliver() == 0, "not before its time"
        await desk.client.delete(keys.job("j1"))
        if attempt < len(DELAYS_S):
            assert delivery.state == "pending"
            await desk.make_due(name)
    assert (await desk.ledger.get(name)).state == "failed"
    assert set(receiver.ids()) == {name}
    assert len({body for _, body in receiver.seen}) == 1
    assert delivery.log[-1] | {"at_ms": 0, "ms": 0} == {"status": 500, "error": "broken", "at_ms": 0, "ms": 0}


async def test_a_redirect_is_a_failure_and_not_followed(desk: Desk, receiver: Receiver) -> None:
    receiver.answers = lambda *_: web.Response(status=302, headers={"Location": receiver.url + "/other"})
    name = await desk.job_ends("j1", receiver.url)
    await desk.deliver()
    assert (await desk.ledger.get(name)).state == "pending"
    assert len(receiver.seen) == 1


async def test_gone_disables_the_receiver_until_a_replay(desk: Desk, receiver: Receiver) -> None:
    receiver.answers = lambda number, _: web.Response(status=410 if number == 0 else 200)
    first = await desk.job_ends("j1", receiver.url)
    await desk.deliver()
    second = await desk.job_ends("j2", receiver.url)
    await desk.deliver()
    assert [(await desk.ledger.get(name)).state for name in (first, second)] == ["disabled", "disabled"]
    assert len(receiver.seen) == 1
    assert (await desk.ledger.replay(first)).state == "pending"
    third = await desk.job_ends("j3", receiver.url)
    await desk.deliver()
    assert [(await desk.ledger.get(name)).state for name in (first, third)] == ["delivered", "delivered"]


async def test_a_busy_receiver_holds_back_everything_for_it(desk: Desk, receiver: Receiver) -> None:
    receiver.answers = lambda number, _: web.Response(status=200 if number else 429, headers={"Retry-After": "2"})
    first = await desk.job_ends("j1", receiver.url)
    await desk.deliver()
    second, other = await desk.job_ends("j2", receiver.url), await desk.job_ends("j3", receiver.url + "/other")
    await desk.deliver()
    assert receiver.ids() == [first, other]
    assert (await desk.ledger.get(second)).attempts == 0, "waiting is no attempt"
    await asyncio.sleep(2.1)
    await desk.deliver()
    assert receiver.ids() == [first, other, second]


async def test_timeouts_and_unreachable_receivers_are_failures(desk: Desk, receiver: Receiver) -> None:
    receiver.delay_s = 1.5
    slow = await desk.job_ends("j1", receiver.url)
    nobody = await desk.job_ends("j2", "http://127.0.0.1:9/")
    await desk.deliver()
    log = [(await desk.ledger.get(name)).log[0] for name in (slow, nobody)]
    assert [entry["status"] for entry in log] == [None, None]
    assert "within 1 s" in log[0]["error"]


async def test_the_egress_guard_stands_before_receivers(desk: Desk, receiver: Receiver) -> None:
    name = await desk.job_ends("j1", receiver.url)
    guarded = Egress(EgressPolicy(schemes=frozenset({"http", "https"}), ports=None))
    await desk.deliver(guarded)
    await guarded.close()
    delivery = await desk.ledger.get(name)
    assert (delivery.state, receiver.seen) == ("failed", [])
    assert "public internet" in delivery.log[0]["error"]


async def test_a_slow_receiver_does_not_hold_up_others_nor_get_more_than_its_share(
    desk: Desk, receiver: Receiver
) -> None:
    receiver.delay_s = 0.5
    for number in range(40):
        await desk.job_ends(f"slow{number}", receiver.url + "/slow")
    await desk.job_ends("quick", receiver.url + "/quick")
    run = asyncio.create_task(desk.deliver())
    for _ in range(100):
        await asyncio.sleep(0.02)
        if "msg_quick_succeeded" in receiver.ids():
            break
    assert len(receiver.seen) <= 9
    await run
    for number in range(40):
        await desk.make_due(f"msg_slow{number}_succeeded")
    assert receiver.most_at_once <= 9


async def test_two_couriers_share_the_work_and_never_send_the_same(desk: Desk, receiver: Receiver) -> None:
    receiver.delay_s = 0.01
    names = [await desk.job_ends(f"j{number}", f"{receiver.url}/{number % 9}") for number in range(200)]
    await asyncio.gather(*(desk.deliver() for _ in range(4)))
    for _ in range(20):
        if len(receiver.seen) >= 200:
            break
        await asyncio.sleep(0.3)
        await desk.deliver()
    assert sorted(receiver.ids()) == sorted(names)


async def test_a_dead_couriers_delivery_comes_due_again(desk: Desk, receiver: Receiver) -> None:
    name = await desk.job_ends("j1", receiver.url)
    await desk.ledger.collect()
    (dead,) = await desk.ledger.claim(5)
    assert await desk.deliver() == 0, "the lease of the dead one still counts"
    await desk.make_due(name)
    assert await desk.deliver() == 1
    assert not await desk.ledger.settle(dead, Verdict("failed"), {}, b""), "its late word does not count"
    assert (await desk.ledger.get(name)).state == "delivered"


async def test_secrets_rotate_with_an_overlap_and_unknown_ones_fail(desk: Desk, receiver: Receiver) -> None:
    old, new = new_key("hmac"), new_key("hmac")
    secret = await desk.secrets.create("", [old])
    await desk.secrets.rotate(secret.id, [new], overlap_s=60)
    await desk.job_ends("j1", receiver.url, secret_id=secret.id)
    await desk.deliver()
    headers, body = receiver.seen[0]
    for key in (old, new):
        Webhook(key.text).verify(body, headers)
    await desk.secrets.rotate(secret.id, [new_key("ed25519")], overlap_s=0)
    assert [key.kind for key in await desk.secrets.signing_keys(secret.id)] == ["ed25519"]
    stored = await desk.client.hget(keys.WEBHOOK_SECRETS, secret.id)
    assert new.secret not in stored
    await desk.secrets.delete(secret.id)
    with pytest.raises(SecretNotFound):
        await desk.secrets.get(secret.id)
    name = await desk.job_ends("j2", receiver.url, secret_id=secret.id)
    await desk.deliver()
    assert (await desk.ledger.get(name)).state == "failed"
    assert len(receiver.seen) == 1, "nothing is ever sent unsigned"


async def test_the_ledger_is_listed_in_pages_and_filtered(desk: Desk, receiver: Receiver) -> None:
    receiver.answers = lambda number, _: web.Response(status=500 if number == 0 else 200)
    await desk.job_ends("bad", receiver.url)
    await desk.deliver()
    for number in range(450):
        await desk.job_ends(f"j{number:03}", f"{receiver.url}/{number}")
    while await desk.ledger.collect():
        pass
    seen, cursor = [], None
    while True:
        found, cursor = await desk.ledger.page(Filter(), 100, cursor)
        seen += [delivery.job for delivery in found]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 451
    found, _ = await desk.ledger.page(Filter(job="bad"), 10, None)
    assert [(delivery.job, delivery.attempts) for delivery in found] == [("bad", 1)]
    assert (await desk.ledger.page(Filter(state="delivered"), 10, None))[0] == []
    with pytest.raises(InvalidRequest):
        await desk.ledger.page(Filter(), 10, "unknown")
    with pytest.raises(DeliveryNotFound):
        await desk.ledger.get("unknown")
    with pytest.raises(DeliveryNotFound):
        await desk.ledger.replay("unknown")


async def test_the_result_travels_inline_when_asked_for(desk: Desk, receiver: Receiver) -> None:
    await desk.job_ends("j1", receiver.url, mode="inline")
    await desk.deliver()
    data = json.loads(receiver.seen[0][1])["data"]
    assert data["error"]["code"] == "deadline_exceeded", "a record without result"


async def test_without_redis_every_call_says_so(desk: Desk, redis_server: RedisServer) -> None:
    await desk.ledger.collect()
    redis_server.kill()
    for call in (desk.ledger.collect(), desk.ledger.page(Filter(), 1, None), desk.secrets.all(), desk.deliver()):
        with pytest.raises(QueueUnavailable):
            await call
