"""Bodies of the batch routes."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator
from typing_extensions import Self

from api_service.schemas.base import Answer, Body, Hardware, StrictBody
from api_service.schemas.workflows import WorkflowRun


class BatchWorkflow(WorkflowRun):
    """The workflow that a batch runs on each of its images; `inputs` has the values of all other inputs."""

    image: str | None = Field(
        default=None, description="The input that takes the image; the only image input when absent."
    )


class BatchRequest(StrictBody):
    """Body of `POST /v1/batches`; in a multipart request it is the `batch` field.

    Give one of `urls`, `folder` and `video`; a multipart request gives files instead: any number of `image`, or one
    `zip`, or one `video`.
    """

    model: str = Field(default="", description="`name` or `project/version`.", examples=["shapes-detector"])
    workflow: BatchWorkflow | None = Field(default=None, description="A workflow to run instead of a model.")
    urls: list[str] | None = Field(default=None, min_length=1, description="Image URLs.")
    folder: str | None = Field(default=None, min_length=1, description="A folder that the server may read.")
    video: str | None = Field(default=None, min_length=1, description="A video file that the server may read.")
    every: int = Field(default=1, ge=1, le=1_000_000, description="Of a video, take every n-th frame.")
    params: dict[str, Any] = Field(default_factory=dict, description="The model's parameters, such as `confidence`.")
    hardware: Hardware = "any"
    timeout: float | None = Field(
        default=None, gt=0, le=604_800, description="Seconds that one image may spend in the queue and the model."
    )
    result_ttl: float | None = Field(
        default=None, ge=60, le=2_592_000, description="Seconds to keep the results after the batch's end."
    )
    allow_pending: bool = Field(
        default=False, description="Accept the batch even when no live worker has the hardware or the model."
    )
    metadata: dict[str, str] = Field(default_factory=dict, max_length=50, description="Yours; given back unchanged.")

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if bool(self.model) == (self.workflow is not None):
            raise ValueError("a batch has either `model` or `workflow`")
        if self.workflow is not None and self.params:
            raise ValueError("a workflow has its parameters in `workflow.inputs`")
        return self


class BatchAnswer(Answer):
    """A batch as it is now. Times are ISO 8601 in UTC, null while they have not come."""

    id: str
    state: Literal["queued", "running", "succeeded", "failed", "canceled"]
    source: Literal["urls", "files", "zip", "folder", "video"]
    model: str = Field(description="Id of the model; of a workflow `@workflows`.")
    hardware: str
    total: int | None = Field(description="Images in the batch; null while it is not known.")
    done: int = Field(description="Images with a result.")
    failed: int = Field(description="Images among them that have an error for an output.")
    rate: float = Field(description="Images per second, lately; over its whole life when it has ended.")
    eta: float | None = Field(description="Seconds until its end at that rate.")
    created: str | None
    started: str | None
    finished: str | None
    metadata: dict[str, str]
    error: dict[str, Any] | None = Field(description="Why the batch as a whole failed.")
    results_url: str


class BatchesQuery(Body):
    """Query of `GET /v1/batches`."""

    limit: int = Field(default=50, ge=1, le=500, description="Most batches in the answer.")
    cursor: str | None = Field(default=None, max_length=64, description="`next` of the page before.")


class BatchesAnswer(Answer):
    """One page of batches, newest first."""

    batches: list[BatchAnswer]
    next: str | None = Field(description="`cursor` of the next page; null at the end.")


class ResultsQuery(Body):
    """Query of `GET /v1/batches/{id}/results`."""

    after: int = Field(default=0, ge=0, description="Leave out the first so many; `number` of the last line you have.")
    limit: int | None = Field(default=None, ge=1, description="Most lines in the answer.")
    follow: bool = Field(default=False, description="Keep the answer open and write lines as they come, to the end.")
