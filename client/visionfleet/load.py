"""A load generator: the same requests again and again, from many connections, each of which is measured.

It writes requests that were put together before, straight to httpcore, so that what it costs itself stays small; what
it costs is reported, because on the machine of the server it takes from it.
"""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import httpcore
import httpx

from visionfleet.errors import from_dict


@dataclass(frozen=True)
class Load:
    """What to send: so many ``requests`` or, when that is 0, for so many ``seconds``; the warm-up is not counted."""

    url: str
    requests: Sequence[httpx.Request]
    concurrency: int
    count: int
    seconds: float
    warm_up: int
    timeout: float


@dataclass
class Figures:
    """What came out. Latencies in ms, of the good answers; ``cpu`` is the generator's share of one core."""

    seconds: float = 0.0
    cpu: float = 0.0
    latencies: list[float] = field(default_factory=list, repr=False)
    errors: Counter[str] = field(default_factory=Counter)

    @property
    def rate(self) -> float:
        """Good answers per second."""
        return len(self.latencies) / self.seconds if self.seconds > 0 else 0.0

    def percentile(self, share: float) -> float | None:
        """The latency that so large a share of the answers stayed within (nearest rank)."""
        if not self.latencies:
            return None
        ordered = sorted(self.latencies)
        return ordered[max(0, math.ceil(share * len(ordered)) - 1)]

    def to_dict(self) -> dict[str, object]:
        """Plain values."""
        named = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}
        latency = {
            name: None if (ms := self.percentile(share)) is None else round(ms, 3) for name, share in named.items()
        }
        return {
            "good": len(self.latencies),
            "failed": self.errors.total(),
            "seconds": round(self.seconds, 3),
            "per_second": round(self.rate, 2),
            "latency_ms": latency,
            "errors": dict(self.errors),
            "client_cpu": round(self.cpu, 3),
        }


def run(load: Load, on_answer: Callable[[], None]) -> Figures:
    """Warm up, then measure."""
    return asyncio.run(_run(load, on_answer))


async def _run(load: Load, on_answer: Callable[[], None]) -> Figures:
    figures = Figures()
    limit = load.concurrency
    async with httpcore.AsyncConnectionPool(max_connections=limit, max_keepalive_connections=limit) as pool:
        shooter = _Shooter(pool, load)
        for index in range(load.warm_up):
            await shooter.shoot(index, Figures())
        began, spent = time.perf_counter(), time.process_time()
        shots = iter(range(load.count)) if load.count else None

        async def keep_on() -> None:
            number = 0
            while time.perf_counter() - began < load.seconds if shots is None else (number := next(shots, -1)) >= 0:
                await shooter.shoot(number, figures)
                number += 1
                on_answer()

        await asyncio.gather(*(keep_on() for _ in range(load.concurrency)))
        figures.seconds = time.perf_counter() - began
        figures.cpu = (time.process_time() - spent) / figures.seconds
    return figures


class _Shooter:
    def __init__(self, pool: httpcore.AsyncConnectionPool, load: Load) -> None:
        self._pool = pool
        self._shots = [(one.method, str(one.url), list(one.headers.raw), one.read()) for one in load.requests]
        self._options = {"timeout": dict.fromkeys(("connect", "read", "write", "pool"), load.timeout)}

    async def shoot(self, number: int, figures: Figures) -> None:
        method, url, headers, body = self._shots[number % len(self._shots)]
        began = time.perf_counter()
        try:
            answer = await self._pool.request(method, url, headers=headers, content=body, extensions=self._options)
        except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as error:
            figures.errors[type(error).__name__] += 1
            return
        if 200 <= answer.status < 300:
            figures.latencies.append((time.perf_counter() - began) * 1000)
        else:
            figures.errors[_code(answer)] += 1


def _code(answer: httpcore.Response) -> str:
    try:
        body = json.loads(answer.content)
        return from_dict(body).code if isinstance(body, dict) and body.get("code") else str(answer.status)
    except ValueError:
        return str(answer.status)
