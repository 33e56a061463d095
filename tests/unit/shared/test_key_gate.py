"""Looking for unknown keys: floods cost Redis little, its absence leaves nobody waiting, who leaves disturbs nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, cast

import pytest

from shared.access.gate import KeyGate
from shared.access.key import ApiKey
from shared.access.store import KeyStore
from shared.access.token import NewToken, new_token
from shared.errors import QueueUnavailable


class Store:
    """Keys in memory; away, or slow until ``go``."""

    def __init__(self) -> None:
        self.keys: dict[str, ApiKey] = {}
        self.looks = 0
        self.away = self.full = False
        self.go = asyncio.Event()
        self.go.set()
        self.counted: list[Mapping[str, Any]] = []

    def make(self) -> NewToken:
        token = new_token()
        self.keys[token.id] = ApiKey(token.id, token.digest, "k", ("infer",), token.id, 0)
        return token

    async def version(self) -> int:
        self.looks += 1
        await self.go.wait()
        self.check()
        return len(self.keys)

    async def table(self) -> dict[str, ApiKey]:
        self.check()
        return dict(self.keys)

    async def count(self, uses: Mapping[str, Any]) -> None:
        if self.full:
            raise QueueUnavailable("away")
        self.counted.append(uses)

    def check(self) -> None:
        if self.away:
            raise QueueUnavailable("away")


def gate_of(store: Store) -> KeyGate:
    async def run(call: Any) -> Any:
        raise AssertionError(call)

    return KeyGate(cast("KeyStore", store), run)


async def test_a_flood_of_unknown_keys_is_one_look() -> None:
    store = Store()
    gate = gate_of(store)
    await gate._look()
    before = store.looks
    found = await asyncio.gather(*(gate.search(new_token().text) for _ in range(2000)))
    assert found == [None] * 2000
    assert store.looks - before <= 3
    for text in ("", "vf_", "vf_" + "0" * 63, new_token().text[:-1]):  # no keys of ours: nobody is asked
        looks = store.looks
        assert await gate.search(text) is None
        assert store.looks == looks


async def test_known_keys_wait_for_nobody() -> None:
    store = Store()
    token, gate = store.make(), gate_of(store)
    await gate._look()
    store.go.clear()  # Redis hangs
    strangers = [asyncio.create_task(gate.search(new_token().text)) for _ in range(50)]
    await asyncio.sleep(0.05)
    assert await asyncio.wait_for(gate.search(token.text), 30) is not None
    assert not any(task.done() for task in strangers)
    store.go.set()
    assert await asyncio.wait_for(asyncio.gather(*strangers), 30) == [None] * 50


async def test_without_redis_unknown_keys_are_unknown_and_known_ones_stay() -> None:
    store = Store()
    token, gate = store.make(), gate_of(store)
    await gate._look()
    store.away = True
    newer = store.make()
    assert await asyncio.wait_for(gate.search(newer.text), 30) is None
    assert await gate.search(token.text) is not None
    store.away = False
    assert await asyncio.wait_for(gate.search(newer.text), 30) is not None


async def test_before_redis_was_ever_there_nobody_is_let_in() -> None:
    store = Store()
    token, gate = store.make(), gate_of(store)
    store.away = True
    assert await asyncio.wait_for(gate.search(token.text), 30) is None
    with pytest.raises(QueueUnavailable):
        assert gate.exist


async def test_a_request_that_is_canceled_takes_nobody_with_it() -> None:
    store = Store()
    gate = gate_of(store)
    await gate._look()
    store.go.clear()
    token = store.make()
    waiting = [asyncio.create_task(gate.search(token.text)) for _ in range(5)]
    await asyncio.sleep(0.05)
    for task in waiting[:4]:
        task.cancel()
    await asyncio.wait(waiting[:4])
    store.go.set()
    assert await asyncio.wait_for(waiting[4], 30) is not None
    assert all(task.cancelled() for task in waiting[:4])


async def test_who_asks_while_a_look_is_under_way_gets_the_next_one() -> None:
    """The key may have been made after that look had read."""
    store = Store()
    gate = gate_of(store)
    await gate._look()
    store.go.clear()
    first = asyncio.create_task(gate.search(new_token().text))
    await asyncio.sleep(0.1)
    assert store.looks == 2
    token = store.make()
    second = asyncio.create_task(gate.search(token.text))
    await asyncio.sleep(0.05)
    store.go.set()
    assert await asyncio.wait_for(second, 30) is not None
    assert await first is None
    assert store.looks >= 3


async def test_it_closes_in_the_middle_of_a_search() -> None:
    store = Store()
    gate = gate_of(store)
    await gate.start()
    search = asyncio.create_task(gate.search(new_token().text))
    await asyncio.sleep(0)
    await asyncio.wait_for(gate.close(), 30)
    assert await search is None


async def test_what_was_counted_while_redis_was_away_is_written_later() -> None:
    store = Store()
    gate = gate_of(store)
    gate.count("a", refused=False)
    store.full = True
    await gate._look()
    gate.count("a", refused=True)
    store.full = False
    await gate._look()
    assert store.counted == [{"a": (1, 1)}]
