"""What the API needs from the rest of the system: who runs jobs, who remembers them, and who knows the fleet.

``Dispatcher`` and ``Ledger`` in ``shared.queue`` and ``shared.fleet.FleetView`` are the real ones. Handlers know these
protocols only, so that a test can put a queue in memory behind the whole application.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from api_service.settings import ApiSettings
from shared.access.gate import KeyGate, Verdict
from shared.access.key import ApiKey
from shared.access.store import KeyStore
from shared.fleet.state import Fleet
from shared.fleet.view import FleetView
from shared.jobs import Job, JobEvent, JobRecord, JobResult, Terms
from shared.queue.deadletters import DeadLetter, DeadLetters
from shared.queue.dispatcher import Dispatcher
from shared.queue.ledger import Filter, Ledger
from shared.redis import connect_async


class JobQueue(Protocol):
    """Runs jobs. Raises QueueFull and QueueUnavailable; a job's own failure is in its result."""

    async def call(self, jobs: Sequence[Job]) -> list[JobResult]:
        """Run jobs now and wait for the results, in the order of the jobs."""
        ...

    async def submit(self, job: Job, terms: Terms | None = None) -> JobRecord:
        """Accept a job for later, or give the one that its idempotency key stands for.

        Raises IdempotencyMismatch, IdempotencyConflict.
        """
        ...

    async def find(self, terms: Terms) -> JobRecord | None:
        """The job that the idempotency key stands for. Raises as ``submit``."""
        ...

    async def get(self, job_id: str) -> JobRecord:
        """The job as it is now. Raises JobNotFound."""
        ...

    async def wait(self, job_id: str, seconds: float) -> JobRecord:
        """The job when it has ended, or as it is after ``seconds``. Raises JobNotFound."""
        ...

    def follow(self, job_id: str, after: str, quiet_s: float) -> AsyncIterator[JobEvent | None]:
        """The job's events after that id, as they come; None after each ``quiet_s`` without any. Raises JobNotFound."""
        ...

    async def ping(self) -> bool:
        """Whether the queue answers."""
        ...


class JobLedger(Protocol):
    """What can be done to asynchronous jobs after they were accepted. Raises QueueUnavailable."""

    async def jobs(self, wanted: Filter, limit: int, cursor: str = "") -> tuple[list[JobRecord], str]:
        """Up to ``limit`` jobs, newest first, and the cursor of the next page ("" at the end)."""
        ...

    async def cancel(self, job_id: str) -> None:
        """Cancel a job. Raises JobNotFound, JobFinished."""
        ...

    async def erase(self, job_id: str) -> None:
        """Remove every trace of a job. Raises JobNotFound."""
        ...

    async def again(self, job_id: str) -> tuple[Job, Terms]:
        """A new job like one that ended. Raises JobNotFound, NotFinished, InputGone."""
        ...


class DeadLetterBox(Protocol):
    """Jobs that lost every worker that took them. Raises QueueUnavailable."""

    async def count(self) -> int:
        """How many there are."""
        ...

    async def page(self, limit: int, cursor: str = "") -> tuple[list[DeadLetter], str]:
        """Up to ``limit`` letters, newest first, and the cursor of the next page ("" at the end)."""
        ...

    async def job(self, letter_id: str) -> Job:
        """The job inside, under a new id. Raises LetterNotFound."""
        ...

    async def drop(self, letter_id: str) -> None:
        """Throw one away. Raises LetterNotFound."""
        ...

    async def purge(self) -> int:
        """Throw all away. Returns how many."""
        ...


class Keys(Protocol):
    """API keys as this replica knows them; ``shared.access.gate.KeyGate`` is the real one."""

    @property
    def exist(self) -> bool:
        """Whether there is any key. Raises QueueUnavailable when nobody knows."""
        ...

    async def search(self, token: str) -> ApiKey | None:
        """The key of that text, when it works now."""
        ...

    async def admit(self, key: ApiKey, request_id: str) -> Verdict | None:
        """Whether one more request may begin; None for a key without limits."""
        ...

    async def release(self, key: ApiKey, request_id: str) -> None:
        """The request is over."""
        ...

    def count(self, key_id: str, *, refused: bool) -> None:
        """Note one request."""
        ...


class FleetSource(Protocol):
    """Knows workers, models and queues, and which models are active."""

    async def snapshot(self, *, fresh: bool = False) -> Fleet:
        """The fleet, at most about two seconds old unless ``fresh``."""
        ...

    async def listed(self) -> Fleet:
        """The fleet, with the list of active models as it is now for all replicas."""
        ...

    async def activate(self, *names: str) -> None:
        """Put models, by id or alias, on the list of active ones."""
        ...

    async def deactivate(self, *names: str) -> None:
        """Take ids and aliases off the list; workers drop the models. Unknown names are no error."""
        ...

    async def clear_active(self) -> None:
        """Empty the list of active models."""
        ...


@dataclass(frozen=True)
class Backend:
    """All of them."""

    jobs: JobQueue
    fleet: FleetSource
    ledger: JobLedger
    dead: DeadLetterBox
    keys: Keys


@asynccontextmanager
async def connect(settings: ApiSettings) -> AsyncIterator[Backend]:
    """The real backend, over Redis, for as long as the application runs."""
    dispatcher = Dispatcher(settings, settings)
    fleet = FleetView(settings, settings)
    ledger, dead = Ledger(settings, settings), DeadLetters(settings, settings)
    client = connect_async(settings)
    gate = KeyGate(KeyStore(client), dispatcher.run)
    await dispatcher.start()
    await gate.start()
    try:
        yield Backend(dispatcher, fleet, ledger, dead, gate)
    finally:
        await gate.close()
        await client.aclose()
        await dead.close()
        await ledger.close()
        await dispatcher.close()
        await fleet.close()
