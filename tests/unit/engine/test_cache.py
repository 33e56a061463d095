from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any, cast

import pytest

from shared.errors import ModelLoadFailed
from worker_service.engine import cache
from worker_service.engine.cache import Loaded, MakeRoom, ModelCache


class Loader:
    """Loads a model of 10 bytes, counts, and can be made slow or failing, before it makes room or after."""

    def __init__(self) -> None:
        self.loads: list[str] = []
        self.files = 10
        self.shared = 0
        self.broken = False
        self.during: list[list[str]] = []
        """Models held while each is opened."""
        self.cache: ModelCache | None = None
        self.gate = threading.Event()
        self.gate.set()
        self.fail = False
        self.digest = "1"

    def __call__(self, model_id: str, make_room: MakeRoom) -> Loaded:
        self.loads.append(model_id)
        assert self.gate.wait(10)
        if self.fail:
            raise ModelLoadFailed("broken file")
        make_room(self.files, self.shared)
        if self.cache is not None:
            self.during.append(names(self.cache))
        if self.broken:
            raise ModelLoadFailed("broken graph")
        return Loaded(cast("Any", SimpleNamespace(bytes=10, name=model_id)), self.digest)


def names(cache: ModelCache) -> list[str]:
    return [held.id for held in cache.held()]


def test_memory_goes_back_when_a_model_has_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    held, instance = list[list[str]](), ModelCache(Loader(), 1, 0)
    monkeypatch.setattr(cache, "give_back", lambda: held.append(list(instance._held)))
    instance.get("a")
    assert not held
    instance.get("b")
    assert held == [[]]  # before the next one is opened
    instance.unload("b")
    assert held == [[], []]


def test_many_callers_cause_one_load() -> None:
    loader = Loader()
    loader.gate.clear()
    cache = ModelCache(loader, 8, 0)
    with ThreadPoolExecutor(16) as pool:
        futures = [pool.submit(cache.get, "a") for _ in range(16)]
        while not loader.loads:
            time.sleep(0.001)
        loader.gate.set()
        models = {id(future.result()) for future in futures}
    assert loader.loads == ["a"]
    assert len(models) == 1


def test_a_slow_load_does_not_hold_up_other_models() -> None:
    loader = Loader()
    cache = ModelCache(loader, 8, 0)
    held = cache.get("held")
    loader.gate.clear()
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(cache.get, "slow")
        while "slow" not in loader.loads:
            time.sleep(0.001)
        assert cache.get("held") is held
        assert not slow.done()
        loader.gate.set()
        slow.result()


def test_a_failure_reaches_all_who_wait_and_is_not_remembered() -> None:
    loader = Loader()
    loader.fail = True
    loader.gate.clear()
    cache = ModelCache(loader, 8, 0)
    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(cache.get, "a") for _ in range(4)]
        while not loader.loads:
            time.sleep(0.001)
        loader.gate.set()
        for future in futures:
            with pytest.raises(ModelLoadFailed):
                future.result()
    loader.fail = False
    assert cache.get("a").name == "a"


def test_least_recently_used_leaves() -> None:
    cache = ModelCache(Loader(), 2, 0)
    for model_id in "aba":
        cache.get(model_id)
    cache.get("c")
    assert names(cache) == ["a", "c"]


def test_bytes_are_bounded_but_the_newest_stays() -> None:
    cache = ModelCache(Loader(), 8, 25)
    for model_id in "abc":
        cache.get(model_id)
    assert names(cache) == ["b", "c"]
    small = ModelCache(Loader(), 8, 5)
    small.get("a")
    small.get("b")
    assert names(small) == ["b"]


@pytest.fixture
def full() -> Loader:
    """Its cache holds a and b, and has no room for a third."""
    loader = Loader()
    loader.cache = ModelCache(loader, 8, 25)
    loader.cache.get("a")
    loader.cache.get("b")
    loader.during.clear()
    return loader


def test_the_oldest_leaves_before_another_is_opened(full: Loader) -> None:
    assert full.cache is not None
    full.cache.get("c")
    assert full.during == [["b"]]
    few = full.cache = ModelCache(full, 2, 0)
    for model_id in "abc":
        few.get(model_id)
    assert full.during[1:] == [[], ["a"], ["b"]]


def test_what_a_model_took_beside_its_files_is_known_the_next_time() -> None:
    loader = Loader()
    loader.files = 4
    cache = loader.cache = ModelCache(loader, 8, 25)
    for model_id in "abca":
        cache.get(model_id)
    assert loader.during == [[], ["a"], ["a", "b"], ["c"]]


def test_what_a_model_has_in_common_with_those_held_needs_no_room(full: Loader) -> None:
    assert full.cache is not None
    full.shared = 6
    full.cache.get("c")
    assert full.during == [["a", "b"]]


def test_a_new_version_replaces_the_old_one_before_it_is_opened(full: Loader) -> None:
    assert full.cache is not None
    full.digest = "2"
    full.cache.get("b", "2")
    assert full.during == [["a"]]
    assert names(full.cache) == ["a", "b"]


def test_models_that_are_opened_at_the_same_time_count_each_other() -> None:
    loader = Loader()
    cache = loader.cache = ModelCache(loader, 8, 35)
    for model_id in "ab":
        cache.get(model_id)
    opened = threading.Barrier(2, timeout=10)

    def load(model_id: str, make_room: MakeRoom) -> Loaded:
        make_room(10)
        opened.wait()
        loader.during.append(names(cache))
        opened.wait()
        return Loaded(cast("Any", SimpleNamespace(bytes=10, name=model_id)), "1")

    cache._load = load
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(cache.get, "cd"))
    assert loader.during[2:] == [["b"], ["b"]]
    assert sorted(names(cache)) == ["b", "c", "d"]


def test_a_broken_file_throws_nothing_out_and_a_broken_graph_once(full: Loader) -> None:
    assert full.cache is not None
    full.fail = True
    with pytest.raises(ModelLoadFailed):
        full.cache.get("c")
    assert names(full.cache) == ["a", "b"]
    full.fail, full.broken = False, True
    with pytest.raises(ModelLoadFailed):
        full.cache.get("c")
    assert names(full.cache) == ["b"], "only opening could tell"
    full.broken = False
    full.cache.get("a")
    full.broken = True
    for _ in range(3):
        with pytest.raises(ModelLoadFailed):
            full.cache.get("c")
    assert names(full.cache) == ["b", "a"], "it is known to fail"
    full.broken = False
    full.cache.get("c")
    assert names(full.cache) == ["a", "c"]


def test_a_model_that_runs_is_not_taken_from_who_runs_it(full: Loader) -> None:
    assert full.cache is not None
    running = full.cache.get("a")
    full.cache.get("b")
    full.cache.get("c")
    assert names(full.cache) == ["b", "c"]
    assert running.name == "a"


def test_pinned_models_stay() -> None:
    cache = ModelCache(Loader(), 2, 0)
    cache.pin("a")
    cache.pin("b")
    for model_id in "abcd":
        cache.get(model_id)
    assert names(cache) == ["a", "b", "d"]
    assert [held.pinned for held in cache.held()] == [True, True, False]


def test_unload_leaves_users_alone() -> None:
    loader = Loader()
    cache = ModelCache(loader, 2, 0)
    cache.pin("a")
    model = cache.get("a")
    assert cache.unload("a")
    assert not cache.unload("a")
    assert model.name == "a"
    assert cache.get("a") is not model


def test_another_digest_loads_again() -> None:
    loader = Loader()
    cache = ModelCache(loader, 2, 0)
    first = cache.get("a", "1")
    assert cache.get("a", "1") is first
    loader.digest = "2"
    assert cache.get("a", "2") is not first
    assert [held.digest for held in cache.held()] == ["2"]


def test_threads_hammering_keep_the_bound() -> None:
    cache = ModelCache(Loader(), 3, 0)

    def hammer(seed: int) -> None:
        for step in range(200):
            name = "abcdefg"[(seed * 7 + step * 3) % 7]
            assert cache.get(name).name == name
            if step % 20 == 0:
                cache.unload(name)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(hammer, range(8)))
    assert len(cache.held()) <= 3


def test_what_it_did_is_counted() -> None:
    loader = Loader()
    cache = ModelCache(loader, 1, 0)
    for model in ("a", "a", "b"):
        cache.get(model)
    loader.fail = True
    with pytest.raises(ModelLoadFailed):
        cache.get("c")
    counts = cache.counts()
    assert counts["a"].pop("load_ms") >= 0
    assert counts["a"] == {"loads": 1, "cache_hits": 1, "evictions": 1}
    assert counts["c"] == {"load_failures": 1}


def test_a_load_is_known_to_those_who_came_before_its_end() -> None:
    cache = ModelCache(Loader(), 8, 0)
    assert cache.load_since("a", 0.0) is None
    before = time.monotonic() * 1000
    cache.get("a")
    spent = cache.load_since("a", before)
    assert spent is not None
    assert spent >= 0
    cache.get("a")
    assert cache.load_since("a", time.monotonic() * 1000) is None
