"""What an operator does: look after jobs, queues and dead letters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from visionfleet import wire
from visionfleet.fleet import QueueInfo, read_list
from visionfleet.jobs import DeadLetter, Job, read_job
from visionfleet.transport import Transport

PAGE = 200


class Operations:
    """Reached as ``client.operations``. Every method raises VisionfleetError."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def jobs(self, limit: int = 50, **filters: str) -> Iterator[Job]:
        """Jobs without their outputs, newest first. Filters: ``state``, ``model``, ``lane``, ``since`` (ISO 8601)."""
        for body in self._entries("/v1/jobs", "jobs", limit, filters):
            yield read_job(body)

    def cancel(self, job_id: str) -> Job:
        """Cancel a job: one that waits never runs, one that runs has no result. Raises JobFinished."""
        return read_job(self._send("POST", f"/v1/jobs/{wire.quoted(job_id)}/cancel"))

    def retry(self, job_id: str) -> Job:
        """Run a job that has ended again; the new job. Raises InputGone, NotFinished."""
        return read_job(self._send("POST", f"/v1/jobs/{wire.quoted(job_id)}/retry", repeatable=False))

    def erase(self, job_id: str) -> None:
        """Remove a job with its images and result."""
        self._transport.send(wire.Call("DELETE", f"/v1/jobs/{wire.quoted(job_id)}", repeatable=False))

    def queues(self) -> tuple[list[QueueInfo], int]:
        """Every queue, and how many dead letters there are."""
        body = self._send("GET", "/v1/queues")
        return read_list(QueueInfo, body.get("queues")), int(body.get("dead_letters", 0))

    def dead_letters(self, limit: int = 50) -> Iterator[DeadLetter]:
        """Jobs that lost every worker that took them, newest first."""
        yield from read_list(DeadLetter, self._entries("/v1/dead-letters", "dead_letters", limit, {}))

    def dead_letter(self, letter_id: str) -> dict[str, Any]:
        """What the job was, without its images."""
        return self._send("GET", f"/v1/dead-letters/{wire.quoted(letter_id)}")

    def retry_dead_letter(self, letter_id: str) -> Job:
        """Run a dead letter again; the new job. The letter is gone by that."""
        return read_job(self._send("POST", f"/v1/dead-letters/{wire.quoted(letter_id)}/retry", repeatable=False))

    def drop_dead_letter(self, letter_id: str) -> None:
        """Throw one away."""
        self._transport.send(wire.Call("DELETE", f"/v1/dead-letters/{wire.quoted(letter_id)}", repeatable=False))

    def purge_dead_letters(self) -> int:
        """Throw all away. Returns how many."""
        return int(self._send("DELETE", "/v1/dead-letters").get("purged", 0))

    def _entries(self, path: str, name: str, limit: int, query: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        cursor = ""
        while limit > 0:
            asked = {**query, "limit": str(min(limit, PAGE)), **({"cursor": cursor} if cursor else {})}
            body = wire.body_of(self._transport.send(wire.Call("GET", path, query=asked)))
            yield from body.get(name) or ()
            limit -= len(body.get(name) or ())
            cursor = body.get("cursor") or ""
            if not cursor:
                return

    def _send(self, method: str, path: str, *, repeatable: bool = True) -> dict[str, Any]:
        return wire.body_of(self._transport.send(wire.Call(method, path, repeatable=repeatable)))
