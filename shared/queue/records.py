"""Records and replies as Redis holds them -> dataclasses."""

from __future__ import annotations

from typing import Any, cast

from shared.codec import decode_result, unpack
from shared.errors import DeadlineExceeded, JobCanceled, JobNotFound
from shared.jobs import JobRecord, JobResult, State

EXPIRED = DeadlineExceeded("The job was not finished within its time limit; raise its timeout or add workers.")
CANCELED = JobCanceled("The job was canceled.")


def result_from(job_id: str, state: str, body: bytes) -> JobResult:
    """The result of a job that ended; states that no worker wrote carry no body. Raises DecodeError."""
    if body:
        return decode_result(body)
    if state == "canceled":
        return JobResult.failed(job_id, CANCELED)
    return JobResult.failed(job_id, EXPIRED)


def record_from(job_id: str, flat: list[bytes] | dict[bytes, bytes]) -> JobRecord:
    """The record of an asynchronous job. Raises JobNotFound when the hash is empty, DecodeError when it is forged."""
    fields = flat if isinstance(flat, dict) else dict(zip(flat[::2], flat[1::2], strict=True))
    if b"state" not in fields:
        raise JobNotFound("There is no job with this id: it was never accepted, was deleted, or its record expired.")
    text: dict[str, str] = {
        name.decode(): value.decode(errors="replace")
        for name, value in fields.items()
        if name not in (b"result", b"metadata")
    }
    record = JobRecord(
        id=job_id,
        state=cast("State", text["state"]),
        model=text.get("model", ""),
        hardware=text.get("hardware", ""),
        lane=text.get("lane", ""),
        created_ms=int(text.get("created_ms", 0)),
        started_ms=_number(text.get("started_ms")),
        finished_ms=_number(text.get("finished_ms")),
        attempt=int(text.get("attempt", 0)),
        worker=text.get("worker", ""),
        metadata=_metadata(fields.get(b"metadata")),
    )
    if record.done:
        record.result = result_from(job_id, record.state, fields.get(b"result", b""))
    return record


def _number(text: str | None) -> int | None:
    return None if text is None else int(text)


def _metadata(packed: bytes | None) -> dict[str, Any]:
    value = unpack(packed) if packed else {}
    return value if isinstance(value, dict) else {}
