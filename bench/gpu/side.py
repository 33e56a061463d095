"""One process of a comparison on a GPU: the provider's own loop and our session on the same graph.

Reads a line of JSON (graph, profile, graphs, batch, seconds, cache), opens, answers, and measures at each further line.
"""
# ruff: noqa: SLF001 - the limit is measured on the very session that ours uses

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

from worker_service.engine.runtime.batch import Batcher
from worker_service.engine.runtime.ladder import Step
from worker_service.engine.runtime.session import Runtime, Session, signature_of
from worker_service.settings import EngineSettings


def rate(run: Callable[[], Any], images: int, seconds: float, at_once: int = 1) -> float:
    """Images a second of ``run``, which does ``images`` of them, from so many threads."""
    end, done = time.perf_counter() + seconds, list[int]()

    def repeat() -> None:
        while time.perf_counter() < end:
            run()
            done.append(images)

    threads = [threading.Thread(target=repeat) for _ in range(at_once)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done) / (time.perf_counter() - begun)


def own_loop(session: Session, batch: int, seconds: float) -> float:
    """The limit: inputs and outputs stay on the device, one run after the other."""
    step = Step(session._session, session.signature, batch, session.device)
    run = ort.RunOptions()
    run.add_run_config_entry("gpu_graph_id", "1000000")

    def once() -> None:
        session._session.run_with_iobinding(step._binding, run)

    for _ in range(3):
        once()
    return rate(once, batch, seconds)


def main() -> None:
    wanted = json.loads(sys.stdin.readline())
    batch, seconds = wanted["batch"], wanted["seconds"]
    begun = time.perf_counter()
    own = EngineSettings(
        profile=wanted["profile"], cuda_graphs=wanted["graphs"], engine_cache=Path(wanted["cache"]), max_batch=batch
    )
    runtime = Runtime(own)
    session = runtime.open(Path(wanted["graph"]))
    batcher = Batcher(session, batch)
    spec = signature_of(session._session).inputs[0]
    items = [{spec.name: np.random.default_rng(i).random(spec.shape[1:], np.float32)} for i in range(batch)]
    batcher.run(items)
    facts = {"open s": time.perf_counter() - begun, "provider": session.providers[0]}
    print(json.dumps(facts), flush=True)
    for _ in sys.stdin:
        loop = own_loop(session, batch, seconds)
        ours = rate(lambda: batcher.run(items), batch, seconds)
        together = rate(lambda: batcher.run(items), batch, seconds, max(2, runtime.profile.runs))
        print(json.dumps({"loop": loop, "ours": ours, "ours, two at once": together}), flush=True)


if __name__ == "__main__":
    main()
