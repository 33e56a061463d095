"""Bodies of the operators' routes: queues and dead letters."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from api_service.schemas.base import Answer, Body


class Queue(Answer):
    """One queue now."""

    hardware: str
    lane: str
    model: str
    waiting: int
    running: int
    stalled: int = Field(description="Jobs among the running whose worker was lost.")
    bytes: int
    oldest_ms: int = Field(description="Age of the oldest job that waits.")
    rate: float = Field(description="Jobs per second that its workers finish of this model, over the last ten seconds.")
    backlog_s: float = Field(
        description="Seconds until what waits here is done by all workers of the model, at their speed at work: "
        "the lanes' figures add up to queue_backlog_seconds of /metrics."
    )


class QueuesAnswer(Answer):
    """Every queue that holds or held something."""

    queues: list[Queue]
    dead_letters: int


class DeadLetterSummary(Answer):
    """A job that lost every worker that took it."""

    id: str
    job: str = Field(description="Id of the job, whose record says `failed` with the code `poisoned`.")
    model: str
    hardware: str
    lane: str
    attempts: int
    bytes: int
    buried: str


class DeadLetterList(Answer):
    """One page of dead letters, newest first."""

    dead_letters: list[DeadLetterSummary]
    cursor: str | None = Field(description="Pass it on for the next page; null at the end.")


class DeadLetterDetail(Answer):
    """What the job was, without its images."""

    id: str
    model: str
    hardware: str
    lane: str
    images: list[int] = Field(description="Bytes of each image.")
    params: dict[str, Any]
    metadata: dict[str, str]
    trace: dict[str, str]


class Purged(Answer):
    """How many dead letters were thrown away."""

    purged: int


class PageQuery(Body):
    """Query of a list."""

    limit: int = Field(default=50, ge=1, le=200, description="Entries on one page.")
    cursor: str = Field(default="", max_length=64, description="Where the page begins: what the last answer gave.")
