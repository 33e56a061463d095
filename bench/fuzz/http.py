"""schemathesis against a real API with a real worker and redis-server: whatever is sent, no answer is a crash."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded

from bench import report
from bench.networks.repository import write_noop
from bench.system import System, system

TIMEOUT_S = 20
# Not answers that end: they follow what goes on.
FOLLOWED = {"follow", "wait"}
NOT_NOW = frozenset({503, 504})
"""What a system may lack (a worker with a GPU, a stream service) or take too long for; with a code that says so."""


def fuzz(folder: Path, count: int, seed: int) -> tuple[list[report.Row], list[str]]:
    """So many requests to each route: what was answered, and a line for each crash."""
    write_noop(folder / "models")
    rows: list[report.Row] = []
    failures: list[str] = []
    with system(
        folder / "models", ["bench-noop"], insecure="true", request_timeout_s="5", max_wait_s="0.1", load_timeout_s="5"
    ) as made:
        schema = schemathesis.openapi.from_url(f"{made.url}/openapi.json")
        with requests.Session() as session:
            for found in schema.get_all_operations():
                operation: Any = found.ok()
                answers, crashes = _operation(operation, session, count, seed)
                name = f"{operation.method.upper()} {operation.path}"
                rows.append({"route": name, "requests": sum(answers.values()), **_by_class(answers)})
                failures += [f"{name}: {crash}" for crash in crashes]
        failures += _alive(made)
    return rows, failures


def _operation(operation: Any, session: requests.Session, count: int, seed: int) -> tuple[Counter[int], list[str]]:
    answers: Counter[int] = Counter()
    crashes: list[str] = []

    @seeded(seed)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy())
    def check(case: Any) -> None:
        for name in FOLLOWED & set(case.query or {}):
            del case.query[name]
        try:
            answer = case.call(session=session, timeout=TIMEOUT_S)
        except (requests.ConnectionError, requests.Timeout, requests.RequestException, ValueError):
            answers[0] += 1  # a request that no client can send, or one that the server cut off
            return
        status, body = answer.status_code, answer.content
        answers[status] += 1
        code = b'"code"' in body or b'"reason"' in body
        if status >= 500 and not (status in NOT_NOW and code):
            crashes.append(f"{status} {body[:200]!r} to {case.as_curl_command()[:500]}")

    check()
    return answers, crashes[:3]


def _by_class(answers: Counter[int]) -> dict[str, int]:
    names = {0: "not sent", 2: "2xx", 3: "3xx", 4: "4xx", 5: "503/504"}
    found: Counter[str] = Counter()
    for status, count in answers.items():
        found[names[status // 100]] += count
    return dict(found)


def _alive(made: System) -> list[str]:
    """Afterwards the system still works."""
    workers = made.get("/v1/fleet")["workers"]
    return [] if any(worker["state"] == "ready" for worker in workers) else ["no worker is ready any more"]
