"""Records and replies as Redis holds them -> dataclasses."""

from __future__ import annotations

from typing import Any, cast

from shared.codec import decode_result, unpack
from shared.errors import DeadlineExceeded, JobCanceled, JobNotFound
from shared.jobs import JobEvent, JobRecord, JobResult, State

EXPIRED = DeadlineExceeded("The job was not finished within its time limit; raise its timeout or add workers.")
CANCELED = JobCanceled("The job was canceled.")
PACKED = (b"result", b"metadata", b"trace", b"webhook")
NUMBERS = frozenset({"input", "position", "attempt", "done", "images"})


def result_from(job_id: str, state: str, body: bytes) -> JobResult:
    """The result of a job that ended; states that no worker wrote carry no body. Raises DecodeError."""
    if body:
        return decode_result(body)
    if state == "canceled":
        return JobResult.failed(job_id, CANCELED)
    return JobResult.failed(job_id, EXPIRED)


def record_from(job_id: str, flat: list[bytes] | dict[bytes, bytes], *, result: bool = True) -> JobRecord:
    """The record of an asynchronous job, with its ``result`` if it is over and that is wanted.

    Raises JobNotFound when the hash is empty, DecodeError when it is forged.
    """
    fields = flat if isinstance(flat, dict) else dict(zip(flat[::2], flat[1::2], strict=True))
    if b"state" not in fields:
        raise not_found()
    text: dict[str, str] = {
        name.decode(): value.decode(errors="replace") for name, value in fields.items() if name not in PACKED
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
        metadata=_map(fields.get(b"metadata")),
        expires_ms=_number(text.get("expires_ms")),
        position=_number(text.get("position")),
        images=int(text.get("images", 0)),
        images_done=int(text.get("done", 0)),
        webhook=_map(fields.get(b"webhook")) or None,
        trace=_map(fields.get(b"trace")),
        owner=text.get("owner", ""),
    )
    if record.state == "succeeded":
        record.images_done = record.images
    if record.done and result:
        record.result = result_from(job_id, record.state, fields.get(b"result", b""))
    return record


def not_found() -> JobNotFound:
    """What is said of an id without a record."""
    return JobNotFound("There is no job with this id: it was never accepted, was deleted, or its record expired.")


def event_from(index: int, packed: bytes) -> JobEvent:
    """The event at that place (from 0) of a job's story; its id tells when it happened. Raises DecodeError."""
    at_ms, name, *rest = unpack(packed)
    data = {key: _plain(key, value) for key, value in zip(rest[::2], rest[1::2], strict=True)}
    return JobEvent(f"{at_ms}-{index}", name, data)


def _plain(key: str, value: Any) -> Any:
    return int(value) if key in NUMBERS and str(value).isdigit() else value


def _number(text: str | None) -> int | None:
    return None if text is None else int(text)


def _map(packed: bytes | None) -> dict[str, Any]:
    value = unpack(packed) if packed else {}
    return value if isinstance(value, dict) else {}
