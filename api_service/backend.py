"""What the API needs from the rest of the system: somebody who runs jobs and somebody who knows the fleet.

``shared.queue.dispatcher.Dispatcher`` and ``shared.fleet.FleetView`` are the real ones. Handlers know these protocols
only, so that a test can put a queue in memory behind the whole application.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from api_service.settings import ApiSettings
from shared.fleet.state import Fleet
from shared.fleet.view import FleetView
from shared.jobs import Job, JobRecord, JobResult
from shared.queue.dispatcher import Dispatcher


class JobQueue(Protocol):
    """Runs jobs. Raises QueueFull and QueueUnavailable; a job's own failure is in its result."""

    async def call(self, jobs: Sequence[Job]) -> list[JobResult]:
        """Run jobs now and wait for the results, in the order of the jobs."""
        ...

    async def submit(self, job: Job) -> JobRecord:
        """Accept a job for later."""
        ...

    async def get(self, job_id: str) -> JobRecord:
        """The job as it is now. Raises JobNotFound."""
        ...

    async def wait(self, job_id: str, seconds: float) -> JobRecord:
        """The job when it has ended, or as it is after ``seconds``. Raises JobNotFound."""
        ...

    async def ping(self) -> bool:
        """Whether the queue answers."""
        ...


class FleetSource(Protocol):
    """Knows workers, models and queues, and which models are active."""

    async def snapshot(self, *, fresh: bool = False) -> Fleet:
        """The fleet, at most about a second old unless ``fresh``."""
        ...

    async def activate(self, model_id: str) -> None:
        """Put a model on the list of active ones."""
        ...

    async def deactivate(self, *model_ids: str) -> None:
        """Take models off the list; workers drop them. Unknown ids are no error."""
        ...

    async def clear_active(self) -> None:
        """Empty the list of active models."""
        ...


@dataclass(frozen=True)
class Backend:
    """Both of them."""

    jobs: JobQueue
    fleet: FleetSource


@asynccontextmanager
async def connect(settings: ApiSettings) -> AsyncIterator[Backend]:
    """The real backend, over Redis, for as long as the application runs."""
    dispatcher = Dispatcher(settings, settings)
    fleet = FleetView(settings, settings)
    await dispatcher.start()
    try:
        yield Backend(dispatcher, fleet)
    finally:
        await dispatcher.close()
        await fleet.close()
