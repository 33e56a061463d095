"""``python -m bench.autoscale``: waiting times and worker-hours of scaled and fixed pools, as a table for the docs."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace

from bench.autoscale.policy import Policy
from bench.autoscale.pool import Machine, Outcome, Pool
from bench.autoscale.traffic import TRAFFIC

WAIT, WORK = Policy(), Policy(metric="work")
PLANS: tuple[tuple[str, int, Policy | None], ...] = (
    ("fixed, 1", 1, None),
    ("fixed, 6 (for the peak)", 6, None),
    ("by wait, 1 to 10 (as shipped)", 1, WAIT),
    ("by wait, 0 to 10", 0, replace(WAIT, least=0)),
    ("by work, 1 to 10", 1, WORK),
    ("by work, 0 to 10", 0, replace(WORK, least=0)),
)


def main() -> None:
    """Print one table per traffic."""
    parser = argparse.ArgumentParser(prog="python -m bench.autoscale", description=__doc__)
    parser.add_argument("--hours", type=float, default=2.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--speed", type=float, default=Machine.speed, help="jobs per second of one worker")
    parser.add_argument("--startup", type=float, default=Machine.startup, help="seconds until a new worker takes jobs")
    options = parser.parse_args()
    machine, seconds = Machine(options.speed, options.startup), options.hours * 3600
    for name, arrivals in TRAFFIC.items():
        lines = [f"| {name} | jobs | wait p50 s | wait p99 s | longest s | worker-hours | most workers |"]
        lines.append("|---|--:|--:|--:|--:|--:|--:|")
        for plan, size, policy in PLANS:
            lines.append(row(plan, Pool(machine, size, policy).run(arrivals(seconds, options.seed), seconds)))
        sys.stdout.write("\n".join(lines) + "\n\n")


def row(plan: str, outcome: Outcome) -> str:
    """One line of the table."""
    waits = (outcome.wait(0.5), outcome.wait(0.99), outcome.wait(1.0))
    shown = " | ".join(f"{wait:.2f}" if wait < 10 else f"{wait:.0f}" for wait in waits)
    return f"| {plan} | {len(outcome.waits)} | {shown} | {outcome.paid / 3600:.1f} | {outcome.most} |"


if __name__ == "__main__":
    main()
