"""Bodies of the asynchronous job API."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from api_service.schemas.base import Answer, Body, Hardware, OneOrMoreImages


class JobRequest(Body):
    """Body of `POST /v1/jobs`; in a multipart request it is the `job` field and the images are `image` files."""

    model: str = Field(description="`name` or `project/version`.", examples=["shapes-detector"])
    image: OneOrMoreImages | None = Field(default=None, description="One image or several; not with multipart files.")
    params: dict[str, Any] = Field(default_factory=dict, description="The model's parameters, such as `confidence`.")
    hardware: Hardware = "any"
    priority: Literal["live", "normal", "bulk"] = Field(default="normal", description="Lane of the queue.")
    timeout: float | None = Field(
        default=None, gt=0, le=604_800, description="Seconds from now after which the job expires."
    )
    allow_pending: bool = Field(
        default=False, description="Accept the job even when no live worker has the hardware or the model."
    )
    metadata: dict[str, str] = Field(default_factory=dict, max_length=50, description="Yours; given back unchanged.")


class JobError(Answer):
    """Why a job or one of its images failed."""

    code: str
    message: str
    retryable: bool
    details: dict[str, Any]


class JobOutput(Answer):
    """One image's answer: `output` or `error`."""

    output: dict[str, Any] | None = None
    error: JobError | None = None


class JobModel(Answer):
    """The model a job ran on; the digest is null until a worker took it."""

    id: str
    digest: str | None


class JobAnswer(Answer):
    """A job as it is now. Times are ISO 8601 in UTC, null while they have not come."""

    id: str
    state: Literal["queued", "running", "succeeded", "failed", "canceled", "expired"]
    created: str | None
    started: str | None
    finished: str | None
    attempt: int
    worker: str | None
    hardware: str
    lane: str
    model: JobModel
    metadata: dict[str, str]
    timings: dict[str, float]
    batch: int | None
    outputs: list[JobOutput]
    error: JobError | None


class WaitQuery(Body):
    """Query of `GET /v1/jobs/{id}`."""

    wait: float = Field(default=0, ge=0, description="Seconds to wait for the end of the job.")
