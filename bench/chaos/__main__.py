"""Clients use the API while nemeses kill, stop, cut off and skew its parts; the history is checked in the end.

The fleet is real: redis-server with its append-only file, API replicas and workers as processes of their own, each of
which reaches Redis through a proxy. Exit status 1 when a promise was broken.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from bench import report
from bench.chaos import figures
from bench.chaos.audit import audit, probe, roll_call
from bench.chaos.checker import check
from bench.chaos.clients import Clients, load
from bench.chaos.fleet import Fleet
from bench.chaos.history import History
from bench.chaos.nemeses import NEMESES, Arena, available
from bench.chaos.receivers import Receivers
from bench.chaos.web import Api

TWO_AT_ONCE = 0.25
ROLL_EVERY = 5
SHOWN = 40


def arguments() -> argparse.Namespace:
    parser = report.parser(__doc__)
    parser.add_argument("--duration", type=float, default=120, help="seconds of load and faults")
    parser.add_argument("--seed", type=int, default=1, help="of what clients and nemeses choose")
    parser.add_argument("--nemesis", nargs="+", choices=sorted(NEMESES), default=available())
    parser.add_argument("--rate", type=float, default=8, help="operations that clients begin per second")
    parser.add_argument("--apis", type=int, default=2)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--lease-s", type=float, default=8, help="VISIONFLEET_LEASE_MS / 1000; 8 is the default there")
    parser.add_argument("--quiet", type=float, default=60, help="seconds that everything may take to end, afterwards")
    parser.add_argument("--keep", type=Path, help="folder for the history and the logs")
    return parser.parse_args()


async def nemeses(arena: Arena, names: list[str], seconds: float) -> None:
    """One fault after the other, each kind in turn, sometimes two at once; after each, the next job must end."""
    history, rounds = arena.fleet.history, 0
    waiting: list[str] = []
    until = history.now() + seconds
    while history.now() < until:
        chosen: list[str] = []
        for _ in range(2 if arena.chance.random() < TWO_AT_ONCE else 1):
            waiting = waiting or arena.chance.sample(names, len(names))
            chosen.append(waiting.pop())
        await asyncio.gather(*(NEMESES[name](arena) for name in dict.fromkeys(chosen)))
        await probe(arena.clients, "+".join(dict.fromkeys(chosen)))
        rounds += 1
        if rounds % ROLL_EVERY == 0:
            await roll_call(arena.fleet, arena.clients)
        await asyncio.sleep(arena.chance.uniform(0, 2))


async def run(options: argparse.Namespace, folder: Path) -> History:
    """The whole run."""
    history = History(folder / "history.jsonl")
    fleet = Fleet(folder, history, apis=options.apis, workers=options.workers, lease_s=options.lease_s)
    receivers, api = Receivers(history), Api(fleet.urls, random.Random(options.seed))
    clients = Clients(api, history, receivers, random.Random(options.seed + 1))
    stopping = asyncio.Event()
    try:
        await receivers.start()
        await fleet.start(api)
        loading = asyncio.create_task(load(clients, options.rate, 200, stopping))
        arena = Arena(fleet, clients, random.Random(options.seed + 2))
        await nemeses(arena, options.nemesis, options.duration)
        stopping.set()
        fleet.heal()
        await loading
        await fleet.whole(api, options.quiet)
        await roll_call(fleet, clients)
        await audit(fleet, clients, options.quiet)
    finally:
        fleet.end()
        await receivers.close()
        await api.close()
        history.close()
    return history


def tell(history: History, options: argparse.Namespace) -> int:
    """Print the report; the exit status."""
    violations = check(history.events)
    jobs, faults = figures.jobs(history.events), figures.faults(history.events)
    promises = figures.promises(history.events, violations)
    told = [f"BROKEN {violation.rule}: {violation.what}" for violation in violations]
    if options.json:
        found = {"jobs": jobs, "faults": faults, "promises": promises, "violations": told}
        print(json.dumps({"benchmark": "chaos", **report.machine(), "seed": options.seed, **found}))
        return 1 if violations else 0
    for name, rows in (("jobs", jobs), ("faults and recovery", faults), ("promises", promises)):
        report.show(f"chaos: {name}", rows, as_json=False)
    for line in told[:SHOWN]:
        print(line)
    print(f"{len(violations)} violations in {history.now():.0f} s, seed {options.seed}")
    return 1 if violations else 0


async def guarded(options: argparse.Namespace, folder: Path) -> History:
    """The run, which SIGTERM ends in order, so that no process is left behind."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await run(options, folder)


def main() -> int:
    options = arguments()
    if "clock_skew" not in options.nemesis:
        print("clocks are right: there is no C compiler (cc), or clock_skew was not asked for", file=sys.stderr)
    with contextlib.ExitStack() as stack:
        folder = options.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if options.keep:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
        return tell(asyncio.run(guarded(options, folder)), options)


if __name__ == "__main__":
    sys.exit(main())
