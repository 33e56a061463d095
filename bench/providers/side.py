"""One session with one provider, in whatever environment: with onnxruntime and numpy and nothing of ours.

Reads one JSON object (graph, provider, options, threads, at_once, seed), answers a line when the session is open, then
measures for so many seconds whenever it is sent a number, and answers a line of JSON each time.
"""

from __future__ import annotations

import json
import resource
import sys
import threading
import time
from typing import Any

import numpy as np
import onnxruntime as ort

DTYPES = {"tensor(float)": np.float32, "tensor(uint8)": np.uint8, "tensor(float16)": np.float16}


def opened(wanted: dict[str, Any]) -> ort.InferenceSession:
    """The session; nothing falls back silently."""
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = wanted["threads"], 3
    if wanted["provider"] == "CPUExecutionProvider":  # as the worker does on a machine that others share
        options.add_session_config_entry("session.intra_op.spin_duration_us", "100")
    session = ort.InferenceSession(wanted["graph"], options, providers=[(wanted["provider"], wanted["options"])])
    assert session.get_providers()[0] == wanted["provider"], session.get_providers()
    return session


def inputs(session: ort.InferenceSession, seed: int) -> dict[str, Any]:
    """One picture of noise."""
    node, random = session.get_inputs()[0], np.random.default_rng(seed)
    shape = [size if isinstance(size, int) else 1 for size in node.shape]
    return {node.name: random.random(shape).astype(DTYPES[node.type])}


def measure(session: ort.InferenceSession, feeds: dict[str, Any], seconds: float, at_once: int) -> dict[str, float]:
    """Milliseconds a run (median), images a second and milliseconds of CPU time an image."""
    end, times = time.perf_counter() + seconds, list[float]()

    def repeat() -> None:
        while time.perf_counter() < end:
            begun = time.perf_counter()
            session.run(None, feeds)
            times.append(time.perf_counter() - begun)

    before, begun = cpu(), time.perf_counter()
    threads = [threading.Thread(target=repeat) for _ in range(at_once)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wall, used = time.perf_counter() - begun, cpu() - before
    return {
        "ms": float(np.median(times)) * 1000,
        "images/s": len(times) / wall,
        "cpu ms": used * 1000 / len(times),
    }


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    wanted = json.loads(sys.stdin.readline())
    begun = time.perf_counter()
    session = opened(wanted)
    took = time.perf_counter() - begun
    feeds = inputs(session, wanted["seed"])
    first = [np.asarray(output, np.float64).ravel() for output in session.run(None, feeds)]
    largest = np.concatenate(first)[: wanted["told"]].tolist()
    print(json.dumps({"version": ort.__version__, "open s": took, "output": largest}), flush=True)
    for line in sys.stdin:
        print(json.dumps(measure(session, feeds, float(line), wanted["at_once"])), flush=True)


if __name__ == "__main__":
    main()
