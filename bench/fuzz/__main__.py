"""Hostile input by the thousand. Exits with 1 when a reader raised what it should not, or the API answered 5xx.

readers  hypothesis: random bytes, and valid files, jobs and definitions with a few things changed in them
http     schemathesis: requests made from our OpenAPI document, to a real API, worker and redis-server
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded

from bench import report
from bench.fuzz.targets import TARGETS, Target

ROUND = 2_000


def run(target: Target, examples: int, seed: int) -> report.Row:
    """So many inputs through one reader. Raises what it should not have raised, with the smallest such input."""
    outcomes: Counter[str] = Counter()

    @seeded(seed)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(target.inputs)
    def check(value: Any) -> None:
        try:
            target.run(value)
        except target.may_raise:
            outcomes["refused"] += 1
        else:
            outcomes["accepted"] += 1

    began = time.perf_counter()
    check()
    rate = sum(outcomes.values()) / (time.perf_counter() - began)
    return {"reader": target.name, "inputs": sum(outcomes.values()), **dict(outcomes), "inputs/s": rate}


def run_for(target: Target, seconds: float, seed: int) -> report.Row:
    """Rounds of inputs, each from another seed, until the time is over."""
    began, total = time.perf_counter(), Counter[str]()
    while (spent := time.perf_counter() - began) < seconds:
        row = run(target, ROUND, seed + total["rounds"])
        total.update({name: row[name] for name in ("inputs", "refused", "accepted") if name in row})
        total["rounds"] += 1
    counts = {name: total[name] for name in ("inputs", "refused", "accepted")}
    return {"reader": target.name, **counts, "inputs/s": total["inputs"] / spent, "minutes": spent / 60}


def quiet() -> None:
    """Libraries comment on each broken file."""
    warnings.simplefilter("ignore")
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    logging.disable()


def main() -> int:
    quiet()
    parser = report.parser(__doc__)
    parser.add_argument("--examples", type=int, default=20_000, help="inputs for each reader")
    parser.add_argument("--seconds", type=float, help="time for each reader, instead of a number of inputs")
    parser.add_argument("--requests", type=int, default=300, help="requests to each route; 0 leaves the API out")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="+", help="names of readers, or http")
    options: argparse.Namespace = parser.parse_args()
    wanted = [target for target in TARGETS if not options.only or target.name in options.only]
    rows = []
    for target in wanted:
        if options.seconds:
            rows.append(run_for(target, options.seconds, options.seed))
        else:
            rows.append(run(target, options.examples, options.seed))
        print(f"{target.name}: {rows[-1]['inputs']} inputs", file=sys.stderr)
    report.show("readers", rows, as_json=options.json)
    failures: list[str] = []
    if options.requests and (not options.only or "http" in options.only):
        from bench.fuzz.http import fuzz

        with tempfile.TemporaryDirectory() as folder:
            answers, failures = fuzz(Path(folder), options.requests, options.seed)
        report.show("http", answers, as_json=options.json)
    for failure in failures:
        print(failure, file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
