"""Which of several providers runs a graph fastest on this machine: measured once, then read from a file.

One answer for a whole machine would be wrong: a provider that wins with a detector loses with a network in int8, and
what it cannot take it leaves to another. So each graph is measured when it is first loaded, in well under ten seconds.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import os
import platform
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

log = logging.getLogger(__name__)
Providers = list[tuple[str, dict[str, str]]]
"""In order of preference, as ONNX Runtime wants them."""

FILE = "providers.json"
SECONDS = 0.5
"""Of runs of each candidate, at most; two runs at least."""
MOST_RUNS = 15
TOLERANCE = 0.02
"""Largest difference to the graph as it is written, as a share of the largest output: another rounding passes, other
answers do not. Where ONNX Runtime's own kernels differ by more (int8 on processors without VNNI), so may others."""
CPUINFO = Path("/proc/cpuinfo")
_DTYPES: dict[str, Any] = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(uint8)": np.uint8}


class Choice:
    """Remembers in ``folder``; ``make`` opens a graph with providers."""

    def __init__(self, folder: Path, make: Callable[[Path, Providers], ort.InferenceSession]) -> None:
        self._file = folder / FILE
        self._make = make

    def among(self, path: Path, providers: Providers) -> Providers:
        """The fastest of the ends of ``providers``: all of it, without its first, and so on.

        A candidate that fails or answers otherwise is out, except the last one, which is ONNX Runtime's own.
        A graph with inputs that cannot be made up (tokens, free sizes) is left to it.
        """
        candidates = [providers[start:] for start in range(len(providers))]
        if len(candidates) < 2:
            return providers
        key = _key(path, providers)
        known = self._read().get(key)
        if known is not None:
            return next((one for one in candidates if one[0][0] == known), candidates[-1])
        chosen = self._measure(path, candidates)
        self._write(key, chosen[0][0])
        return chosen

    def _measure(self, path: Path, candidates: Sequence[Providers]) -> Providers:
        plain = self._make(path, candidates[-1])
        feeds = made_up(plain)
        if feeds is None:
            return candidates[-1]
        sessions = [plain]
        open_ = [candidates[-1]]
        expected = as_written(path).run(None, feeds)
        allowed = max(TOLERANCE, difference(expected, plain.run(None, feeds)))
        for candidate in reversed(candidates[:-1]):
            try:
                session = self._make(path, candidate)
                apart = difference(expected, session.run(None, feeds))
            except Exception:  # onnxruntime's errors share no base class of their own
                log.warning("%s cannot run %s", candidate[0][0], path.parent.name, exc_info=True)
                continue
            if apart > allowed or session.get_providers()[0] != candidate[0][0]:
                log.warning("%s answers otherwise for %s and is not used", candidate[0][0], path.parent.name)
                continue
            sessions.append(session)
            open_.append(candidate)
        times = fastest(sessions, feeds)
        told = ", ".join(f"{one[0][0]} {taken * 1000:.1f} ms" for one, taken in zip(open_, times, strict=True))
        log.info("%s: %s", path.parent.name, told)
        return open_[times.index(min(times))]

    def _read(self) -> dict[str, str]:
        """What is known; nothing when the file is missing or damaged."""
        try:
            found = json.loads(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _write(self, key: str, name: str) -> None:
        """Whole or not at all. Of two workers at the same time one is forgotten and measures again."""
        beside = self._file.with_name(f"{FILE}.{os.getpid()}")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            beside.write_text(json.dumps({**self._read(), key: name}, indent=1), encoding="utf-8")
            beside.replace(self._file)
        except OSError:
            log.warning("%s cannot be written; providers are measured again at the next start", self._file)


def made_up(session: ort.InferenceSession) -> dict[str, npt.NDArray[Any]] | None:
    """Noise for every input, one item; None where an input is no picture or more of it is free than the batch."""
    feeds: dict[str, npt.NDArray[Any]] = {}
    noise = np.random.default_rng(1)
    for node in session.get_inputs():
        rest = node.shape[1:]
        if node.type not in _DTYPES or not all(isinstance(size, int) for size in rest):
            return None
        first = node.shape[0] if node.shape and isinstance(node.shape[0], int) else 1
        values = noise.random((first, *rest), np.float32)
        feeds[node.name] = (values * 255 if node.type == "tensor(uint8)" else values).astype(_DTYPES[node.type])
    return feeds


def as_written(path: Path) -> ort.InferenceSession:
    """The graph on ONNX Runtime's own kernels without any rewriting, which is slow and exact."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def difference(expected: Sequence[Any], found: Sequence[Any]) -> float:
    """The largest of any output as a share of that output's largest value; infinite where shapes differ or NaNs are."""
    worst = 0.0
    for one, other in zip(expected, found, strict=True):
        if one.shape != other.shape:
            return math.inf
        if one.size:
            apart = float(np.abs(one.astype(np.float64) - other).max() / max(float(np.abs(one).max()), 1e-12))
            worst = max(worst, apart if math.isfinite(apart) else math.inf)
    return worst


def fastest(sessions: Sequence[ort.InferenceSession], feeds: dict[str, npt.NDArray[Any]]) -> list[float]:
    """Seconds of the shortest run of each, in turns: what others do on the machine can only make a run longer."""
    times, spent = [math.inf] * len(sessions), 0.0
    for turn in range(MOST_RUNS):
        for i, session in enumerate(sessions):
            begun = time.perf_counter()
            session.run(None, feeds)
            taken = time.perf_counter() - begun
            times[i], spent = min(times[i], taken), spent + taken
        if turn and spent > SECONDS * len(sessions):
            break
    return times


def _key(path: Path, providers: Providers) -> str:
    """What the answer depends on: processor, ONNX Runtime, providers with options, and the graph."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    digest.update(json.dumps([processor(), ort.__version__, providers]).encode())
    return digest.hexdigest()


def processor() -> str:
    """The model's name and what it can do, where the system tells."""
    try:
        lines = CPUINFO.read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    told = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return f"{told.get('model name', '')} {told.get('model', '')} {told.get('flags', told.get('Features', ''))}"
