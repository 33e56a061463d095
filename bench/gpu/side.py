"""One process of a comparison on a GPU: the provider's own loop and our session on the same graph.

Reads a line of JSON (graph, profile, settings, batch, seconds), opens, answers, and measures at each further line.
"""

from __future__ import annotations

import contextlib
import json
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.gpu.loop import provider_loop
from worker_service.engine.runtime.batch import Batcher
from worker_service.engine.runtime.scale import Scale
from worker_service.engine.runtime.session import Runtime, Session, numpy_dtype
from worker_service.settings import EngineSettings

UNIT = Scale((1 / 255,) * 3, (0.0,) * 3, reversed=True)
WARM = 3
Items = list[dict[str, npt.NDArray[Any]]]


def rate(run: Callable[[], Any], images: int, seconds: float, at_once: int = 1) -> float:
    """Images a second of ``run``, which does ``images`` of them, from so many threads, after a few runs of each."""
    started, done, failed = threading.Barrier(at_once + 1), list[int](), list[BaseException]()

    def repeat() -> None:
        try:
            for _ in range(WARM):
                run()
            started.wait()
            end = time.perf_counter() + seconds
            while time.perf_counter() < end:
                run()
                done.append(images)
        except Exception as error:  # noqa: BLE001 - raised below, in the thread that waits
            failed.append(error)
            started.abort()

    threads = [threading.Thread(target=repeat) for _ in range(at_once)]
    for thread in threads:
        thread.start()
    with contextlib.suppress(threading.BrokenBarrierError):
        started.wait()
    begun = time.perf_counter()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
    return sum(done) / (time.perf_counter() - begun)


def drawn(session: Session, batch: int, seed: int) -> Items:
    """A batch of noise, as pixels where the session takes them."""
    (spec,) = session.signature.inputs
    noise = np.random.default_rng(seed).random((batch, *spec.shape[1:]), np.float32)
    pixels = np.moveaxis(noise * 255, 1, 3).astype(np.uint8)
    values = pixels if session.normalises else noise.astype(numpy_dtype(spec))
    return [{spec.name: near(session, value)} for value in values]


def near(session: Session, value: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Where preprocessing would have put it."""
    array = session.memory.empty(value.shape, value.dtype)
    array[...] = value
    return array


def same(batcher: Batcher, batches: list[Items], seconds: float) -> bool:
    """Whether batches that run at the same time get the answers that they get alone."""
    alone = [batcher.run(items) for items in batches]
    turns = iter(range(10**9))
    wrong: list[int] = []

    def check() -> None:
        turn = next(turns) % len(batches)
        for ours, expected in zip(batcher.run(batches[turn]), alone[turn], strict=True):
            if not all(np.allclose(a, b, rtol=1e-2, atol=1e-2) for a, b in zip(ours, expected, strict=True)):
                wrong.append(turn)

    rate(check, 1, seconds, len(batches))
    return not wrong


def main() -> None:
    wanted = json.loads(sys.stdin.readline())
    batch, seconds = wanted["batch"], wanted["seconds"]
    begun = time.perf_counter()
    own = EngineSettings(profile=wanted["profile"], max_batch=batch, **wanted["settings"])
    runtime = Runtime(own)
    path = Path(wanted["graph"])
    session = runtime.open(path)
    batcher = Batcher(session, batch, UNIT if session.normalises else None)
    batches = [drawn(session, batch, seed) for seed in range(max(2, runtime.runs))]
    batcher.run(batches[0])
    facts = {"open s": time.perf_counter() - begun, "provider": session.providers[0]}
    loop = provider_loop(path, runtime.providers, batch, session.device, graphs=wanted["settings"]["cuda_graphs"])
    loop()
    print(json.dumps(facts), flush=True)
    for _ in sys.stdin:
        found: dict[str, float | bool] = {"loop": rate(loop, batch, seconds)}
        for at_once in sorted({1, 2, len(batches)}):
            found[f"ours x{at_once}"] = rate(lambda: batcher.run(batches[0]), batch, seconds, at_once)
        found["same"] = same(batcher, batches, seconds / 2)
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
