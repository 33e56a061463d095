"""What the API asks of the fleet and of Redis, answered by one process that has neither."""

from __future__ import annotations

import asyncio
from typing import NoReturn

from deploy.serverless.engine import NO_FLEET, LocalEngine
from shared.access.gate import Verdict
from shared.access.key import ApiKey
from shared.errors import NotFound
from shared.fleet.state import Fleet
from shared.jobs import Job, JobRecord, Terms
from shared.queue.deadletters import DeadLetter
from shared.queue.ledger import Filter


class LocalFleet:
    """``api_service.backend.FleetSource``: one worker, this process."""

    def __init__(self, local: LocalEngine) -> None:
        self._local = local

    async def snapshot(self, *, fresh: bool = False) -> Fleet:
        """The fleet now; model folders are read in a thread."""
        del fresh
        return await asyncio.to_thread(self._local.fleet)

    async def listed(self) -> Fleet:
        """The same."""
        return await self.snapshot()

    async def activate(self, *names: str) -> None:
        """Put models on the list of active ones."""
        self._local.active.update(names)

    async def deactivate(self, *names: str) -> None:
        """Take models off the list and out of memory."""
        self._local.active.difference_update(names)
        for name in names:
            await asyncio.to_thread(self._local.engine.unload, name)

    async def clear_active(self) -> None:
        """Empty the list and the memory."""
        await self.deactivate(*(await self.snapshot()).models)
        self._local.active.clear()


class NoLedger:
    """``JobLedger`` where no job outlives its request."""

    async def jobs(self, wanted: Filter, limit: int, cursor: str = "") -> tuple[list[JobRecord], str]:
        """Not here."""
        return _not_here()

    async def cancel(self, job_id: str) -> None:
        """Not here."""
        _not_here()

    async def erase(self, job_id: str) -> None:
        """Not here."""
        _not_here()

    async def again(self, job_id: str) -> tuple[Job, Terms]:
        """Not here."""
        return _not_here()


class NoDeadLetters:
    """``DeadLetterBox``: a request whose process died was told so by the platform."""

    async def count(self) -> int:
        """None."""
        return 0

    async def page(self, limit: int, cursor: str = "") -> tuple[list[DeadLetter], str]:
        """None."""
        return [], ""

    async def job(self, letter_id: str) -> Job:
        """Not here."""
        return _not_here()

    async def drop(self, letter_id: str) -> None:
        """Not here."""
        _not_here()

    async def purge(self) -> int:
        """None."""
        return 0


class NoKeys:
    """``Keys`` where the only key is VISIONFLEET_ADMIN_KEY, or the platform itself lets callers in."""

    exist = False

    async def search(self, token: str) -> ApiKey | None:
        """None is known."""
        return None

    async def admit(self, key: ApiKey, request_id: str) -> Verdict | None:
        """The administrator's key has no limits."""
        return None

    async def release(self, key: ApiKey, request_id: str) -> None:
        """Nothing was counted."""

    def count(self, key_id: str, *, refused: bool) -> None:
        """Nothing is counted."""


def _not_here() -> NoReturn:
    raise NotFound(NO_FLEET)
