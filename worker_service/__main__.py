"""``python -m worker_service``: one worker process, or as many as the settings or the cores say."""

from __future__ import annotations

import sys

from shared.cores import Place, available_cpus, places, processes_for
from shared.log import configure
from shared.processes import Processes
from shared.settings import LogSettings, read
from worker_service.consumer.settings import ConsumerSettings
from worker_service.settings import EngineSettings, of_process


def main() -> int:
    """Run until SIGTERM, which drains."""
    settings = read(ConsumerSettings)
    others = read(EngineSettings).workers_per_host
    count = settings.worker_processes or processes_for(available_cpus() // others)
    if count == 1:
        return one()
    configure(read(LogSettings), "worker")
    found = [Place(place.cpus, place.sharing * others) for place in places(count)]
    return Processes(lambda number: child(number, found[number], settings.worker_name), count).run()


def child(number: int, place: Place, name: str) -> int:
    """One of several."""
    of_process(number, place, name)
    return one()


def one() -> int:
    """A worker. Its libraries are imported here, so that a parent that only watches has none of them."""
    from worker_service.serve import serve  # noqa: PLC0415

    serve()
    return 0


if __name__ == "__main__":
    sys.exit(main())
