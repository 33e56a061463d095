"""``visionfleet status``: workers and queues now."""

from __future__ import annotations

from visionfleet import Client, Fleet
from visionfleet.cli import options
from visionfleet.cli.console import out, row, say, size, table, write_json


def status(url: options.Url = None, json: options.Json = False) -> None:
    """Show workers and queues."""
    with Client(url, timeout=10) as client:
        fleet = client.fleet()
    if json:
        write_json(fleet.raw)
        return
    show_workers(fleet)
    show_queues(fleet)


def show_workers(fleet: Fleet) -> None:
    """One row per worker."""
    if not fleet.workers:
        say("no worker is running; 'visionfleet up' starts one", "yellow")
        return
    names = ("worker", "hardware", "state", ">running", ">jobs", ">images/s", ">memory", "models held")
    workers = table("Workers", *names)
    workers.columns[0].no_wrap = True  # to be copied
    for worker in fleet.workers:
        held = ", ".join(str(model.get("id")) for model in worker.held)
        row(
            workers,
            worker.id,
            worker.hardware,
            worker.state,
            worker.running,
            f"{worker.jobs} ({worker.failures} failed)" if worker.failures else worker.jobs,
            f"{worker.rate:.1f}",
            size(worker.rss_bytes),
            held,
        )
    out.print(workers)


def show_queues(fleet: Fleet) -> None:
    """One row per queue that holds anything."""
    busy = [queue for queue in fleet.queues if queue.waiting or queue.running]
    if not busy:
        say("all queues are empty", "dim")
        return
    queues = table("Queues", "hardware", "lane", "model", ">waiting", ">running", ">bytes", ">oldest")
    for queue in busy:
        oldest = f"{queue.oldest_ms / 1000:.1f} s"
        row(queues, queue.hardware, queue.lane, queue.model, queue.waiting, queue.running, size(queue.bytes), oldest)
    out.print(queues)
