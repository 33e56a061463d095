"""``visionfleet queues`` and ``visionfleet workers``: tables that may be kept up to date."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Annotated, Any

import typer
from rich.live import Live
from rich.table import Table

from visionfleet import Client, QueueInfo, WorkerInfo
from visionfleet.cli import options
from visionfleet.cli.console import out, row, size, table, write_json

Watch = Annotated[float, typer.Option("--watch", "-w", min=0, help="Show anew every so many seconds; 0 shows once.")]
NO_RATE = "\N{EM DASH}"


def queues(watch: Watch = 0.0, url: options.Url = None, json: options.Json = False) -> None:
    """Show queues: depth, oldest job, rate and backlog in seconds."""
    with Client(url, timeout=10) as client:
        if json:
            found, dead = client.queues()
            write_json({"queues": [vars(queue) for queue in found], "dead_letters": dead})
            return
        keep_showing(lambda: queue_table(*client.queues()), watch)


def workers(watch: Watch = 0.0, url: options.Url = None, json: options.Json = False) -> None:
    """Show workers: what they do, hold and fail."""
    with Client(url, timeout=10) as client:
        if json:
            write_json([vars(worker) for worker in client.fleet().workers])
            return
        keep_showing(lambda: worker_table(client.fleet().workers), watch)


def keep_showing(make: Callable[[], Table], every_s: float) -> None:
    """Print the table; with ``every_s`` above 0 replace it again and again until the user interrupts."""
    if every_s <= 0:
        out.print(make())
        return
    with Live(make(), console=out, auto_refresh=False) as live:
        while True:
            time.sleep(every_s)
            live.update(make(), refresh=True)


def queue_table(found: list[QueueInfo], dead: int) -> Table:
    """One row per queue that holds anything."""
    busy = [queue for queue in found if queue.waiting or queue.running]
    title = ("Queues" if busy else "All queues are empty") + (f" ({dead} dead letters)" if dead else "")
    made = table(title, "hardware", "lane", "model", ">waiting", ">running", ">bytes", ">oldest", ">jobs/s", ">backlog")
    for queue in busy:
        oldest, backlog = seconds(queue.oldest_ms / 1000), seconds(queue.backlog_s)
        counts: tuple[Any, ...] = (queue.waiting, queue.running, size(queue.bytes), oldest, f"{queue.rate:.1f}")
        row(made, queue.hardware, queue.lane, queue.model, *counts, backlog)
    return made


def worker_table(found: list[WorkerInfo]) -> Table:
    """One row per worker."""
    names = ("worker", "hardware", "state", ">running", ">jobs", ">failures", ">images/s", ">memory", "models")
    made = table("Workers", *names)
    for worker in found:
        held = ", ".join(str(model.get("id")) for model in worker.held)
        counts = (worker.running, worker.jobs, worker.failures, f"{worker.rate:.1f}", size(worker.rss_bytes))
        row(made, worker.id, worker.hardware, worker.state, *counts, held)
    return made


def seconds(value: float | None) -> str:
    """Seconds for people."""
    return NO_RATE if value is None else f"{value:.1f} s"
