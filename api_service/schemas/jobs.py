"""Bodies of the asynchronous job API."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field, model_validator
from typing_extensions import Self

from api_service.schemas.base import Answer, Body, Hardware, OneOrMoreImages, StrictBody
from api_service.schemas.workflows import WorkflowRun

State = Literal["queued", "running", "succeeded", "failed", "canceled", "expired"]
Lane = Literal["live", "normal", "bulk"]


class Webhook(StrictBody):
    """Whom to tell about the job."""

    url: str = Field(pattern=r"^https?://[^\s]+$", max_length=2048, description="Where events are posted to.")
    events: list[Literal["started", "succeeded", "failed", "canceled", "expired"]] = Field(
        default_factory=list, max_length=5, description="Which events; every way to end when empty."
    )
    secret_id: str | None = Field(default=None, max_length=128, description="Which stored secret signs them.")
    mode: Literal["thin", "inline"] = Field(
        default="thin", description="Send the result's URL only, or the result itself when it is small."
    )


class JobRequest(StrictBody):
    """Body of `POST /v1/jobs`; in a multipart request it is the `job` field and the images are `image` files."""

    model: str = Field(default="", description="`name` or `project/version`.", examples=["shapes-detector"])
    workflow: WorkflowRun | None = Field(default=None, description="A workflow to run instead of a model.")
    image: OneOrMoreImages | None = Field(default=None, description="One image or several; not with multipart files.")
    params: dict[str, Any] = Field(default_factory=dict, description="The model's parameters, such as `confidence`.")
    hardware: Hardware = "any"
    priority: Lane = Field(default="normal", description="Lane of the queue.")
    timeout: float | None = Field(
        default=None, gt=0, le=604_800, description="Seconds from now after which the job expires."
    )
    start_timeout: float | None = Field(
        default=None, gt=0, le=604_800, description="Seconds from now by which a worker must have begun, or it expires."
    )
    result_ttl: float | None = Field(
        default=None, ge=1, description="Seconds to keep the result after the job's end; the server has an upper limit."
    )
    input_ttl: float | None = Field(
        default=None, ge=0, description="Seconds to keep the images after the job's end, so that it can be retried."
    )
    webhook: Webhook | None = None
    allow_pending: bool = Field(
        default=False, description="Accept the job even when no live worker has the hardware or the model."
    )
    metadata: dict[str, str] = Field(default_factory=dict, max_length=50, description="Yours; given back unchanged.")

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if ("model" in self.model_fields_set) == (self.workflow is not None):
            raise ValueError("a job has either `model` or `workflow`")
        if self.workflow is not None and (self.image is not None or self.params):
            raise ValueError("a workflow has its images and parameters in `workflow.inputs`")
        return self


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


class JobProgress(Answer):
    """How many of the job's images are done."""

    done: int
    images: int


class JobSummary(Answer):
    """A job as it is now, without its outputs. Times are ISO 8601 in UTC, null while they have not come."""

    id: str
    state: State
    created: str | None
    started: str | None
    finished: str | None
    expires: str | None = Field(description="When the job expires unless it is finished.")
    position: int | None = Field(
        description="Its place among the waiting jobs of its queue; null when it does not wait."
    )
    progress: JobProgress
    attempt: int
    worker: str | None
    hardware: str
    lane: str
    model: JobModel
    metadata: dict[str, str]


class JobAnswer(JobSummary):
    """A job as it is now."""

    timings: dict[str, float] = Field(
        description="Milliseconds: `queue_ms`, `decode_ms`, `preprocess_ms`, `infer_ms`, `post_ms`, `total_ms`; "
        "of a workflow `step:<name>_ms` for each step."
    )
    batch: int | None
    outputs: list[JobOutput]
    error: JobError | None
    webhook: Webhook | None
    trace: dict[str, str] = Field(description="The submission's request id and traceparent.")


class JobResultAnswer(Answer):
    """What came out of a job that succeeded; before that (202) `outputs` is empty."""

    id: str
    state: State
    model: JobModel
    timings: dict[str, float]
    batch: int | None
    outputs: list[JobOutput]


class JobList(Answer):
    """One page of jobs, newest first."""

    jobs: list[JobSummary]
    cursor: str | None = Field(description="Pass it on for the next page; null at the end.")


class WaitQuery(Body):
    """Query of `GET /v1/jobs/{id}`."""

    wait: float = Field(default=0, ge=0, description="Seconds to wait for the end of the job.")


class ListQuery(Body):
    """Query of `GET /v1/jobs`."""

    state: State | None = Field(default=None, description="Only jobs in this state.")
    model: str | None = Field(default=None, description="Only jobs of this model id.")
    lane: Lane | None = Field(default=None, description="Only jobs of this lane.")
    since: datetime | None = Field(default=None, description="Only jobs accepted since then (ISO 8601).")
    limit: int = Field(default=50, ge=1, le=200, description="Jobs on one page.")
    cursor: str = Field(default="", max_length=64, description="Where the page begins: what the last answer gave.")
