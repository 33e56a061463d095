"""Round trips from threads over a real redis-server: who gets which answer, and what becomes of broken connections."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis

from shared.exchange import FRESH_S, exchange
from shared.redis import connect
from shared.settings import RedisSettings
from tests.redis_server import RedisServer

pytestmark = pytest.mark.integration


def client(url: str, **settings: float) -> redis.Redis:
    return connect(RedisSettings(redis_url=url, **settings))  # type: ignore[arg-type]


def test_answers_come_in_order_and_a_refusal_is_one_of_them(redis_url: str) -> None:
    asked = client(redis_url)
    answers = exchange(asked, [("SET", "a", b"1"), ("NO SUCH",), ("GET", "a"), ("EVALSHA", "f" * 40, 0), ("LPOP", "a")])
    assert (answers[0], answers[2]) == (b"OK", b"1")
    kinds = [type(answers[n]) for n in (1, 3, 4)]
    assert kinds == [redis.ResponseError, redis.exceptions.NoScriptError, redis.ResponseError]


def test_threads_get_their_own_answers_and_connections_are_used_again(redis_url: str) -> None:
    asked = client(redis_url)

    def ask(number: int) -> bool:
        texts = [f"{number} {turn}".encode() * 50 for turn in range(3)]
        return exchange(asked, [("ECHO", text) for text in texts]) == texts

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(ask, range(400)))
    assert exchange(asked, [("CLIENT", "LIST", "TYPE", "normal")])[0].count(b"\n") <= 8


def test_a_late_answer_is_not_taken_for_the_next_one(redis_url: str) -> None:
    asked = client(redis_url, redis_timeout_s=0.2)
    with pytest.raises(redis.exceptions.TimeoutError):
        exchange(asked, [("BLPOP", "nothing", 1)])
    assert exchange(asked, [("ECHO", "mine")]) == [b"mine"]


def test_a_restart_is_not_noticed_by_who_asks_afterwards(redis_server: RedisServer) -> None:
    asked = client(redis_server.url)
    assert exchange(asked, [("ECHO", "before")]) == [b"before"]
    redis_server.stop()
    with pytest.raises(redis.RedisError):
        exchange(asked, [("ECHO", "away")])
    redis_server.start()
    assert exchange(asked, [("ECHO", "after")]) == [b"after"]
    redis_server.restart()
    time.sleep(2 * FRESH_S)
    assert exchange(asked, [("ECHO", "again")]) == [b"again"]


def test_a_connection_that_breaks_in_the_middle_is_an_error(redis_url: str) -> None:
    asked, other = client(redis_url), client(redis_url)
    (mine,) = exchange(asked, [("CLIENT", "ID")])
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(exchange, asked, [("BLPOP", "nothing", 30)])
        while b"cmd=blpop" not in exchange(other, [("CLIENT", "LIST", "ID", mine)])[0]:
            pass
        exchange(other, [("CLIENT", "KILL", "ID", mine)])
        with pytest.raises(redis.ConnectionError):
            waiting.result()
    assert exchange(asked, [("ECHO", "still here")]) == [b"still here"]
