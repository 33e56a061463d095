"""Bodies of the workflow routes."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, Field, model_validator
from typing_extensions import Self

from api_service.schemas.base import Answer, Body, StrictBody

SPECIFICATION: Any = Field(description="The definition: `version`, `inputs`, `steps`, `outputs`.")
INPUTS: Any = Field(
    default_factory=dict,
    description="Values by input name. An image is `{type: base64 | url, value}` or a text; a list makes a batch.",
)


class RunOptions(Body):
    """What every run may be told."""

    inputs: dict[str, Any] = INPUTS
    api_key: str | None = Field(default=None, description="The API key, where it is not in the header.")
    excluded_fields: list[str] | None = Field(default=None, description="Outputs to leave out.")
    enable_profiling: bool = Field(default=False, description="Answer with `profiler_trace` for Chrome or Perfetto.")
    disable_sinks: bool = Field(default=False, description="Sinks do nothing.")
    debug: bool = Field(default=False, description="Accepted for other servers' clients.")
    workflow_id: str | None = Field(default=None, description="A name for logs.")


class RunWorkflow(RunOptions):
    """Body of `POST /workflows/run`."""

    specification: dict[str, Any] = SPECIFICATION
    is_preview: bool = Field(default=False, description="Accepted for other servers' clients.")


class RunSavedWorkflow(RunOptions):
    """Body of `POST /{workspace}/workflows/{id}`."""

    use_cache: bool = Field(default=True, description="Accepted for other servers' clients; nothing stale is served.")
    workflow_version_id: str | None = Field(default=None, description="Version to run; the newest when absent.")


class DescribeInterface(Body):
    """Body of `POST /workflows/describe_interface`."""

    specification: dict[str, Any] = SPECIFICATION
    api_key: str | None = None


class DescribeSavedInterface(Body):
    """Body of `POST /{workspace}/workflows/{id}/describe_interface`."""

    api_key: str | None = None
    use_cache: bool = True
    workflow_version_id: str | None = None


class DescribeBlocks(Body):
    """Body of `POST /workflows/blocks/describe`; may be left out."""

    dynamic_blocks_definitions: list[dict[str, Any]] | None = Field(
        default_factory=list, description="Python blocks to describe beside the others."
    )
    execution_engine_version: str | None = Field(default=None, description="Only blocks for this version.")
    api_key: str | None = None


class AnyObject(Body):
    """A JSON object, which the workflow engine checks."""

    model_config = ConfigDict(extra="allow")


class RunAnswer(Answer):
    """One object of outputs per element of the input batch."""

    outputs: list[dict[str, Any]]
    profiler_trace: list[dict[str, Any]] | None = None


class InterfaceAnswer(Answer):
    """Kinds of inputs and outputs."""

    inputs: dict[str, Any]
    outputs: dict[str, Any]
    typing_hints: dict[str, str]
    kinds_schemas: dict[str, Any]


class ValidAnswer(Answer):
    """It is valid."""

    status: str


class VersionsAnswer(Answer):
    """Versions of the language."""

    versions: list[str]


class WorkflowRun(StrictBody):
    """A workflow as an asynchronous job: `specification`, or the `id` of a saved one."""

    specification: dict[str, Any] | None = None
    id: str | None = Field(default=None, description="A saved workflow.")
    version: str | None = Field(default=None, description="Its version; the newest when absent.")
    inputs: dict[str, Any] = INPUTS
    excluded_fields: list[str] | None = None
    enable_profiling: bool = False
    disable_sinks: bool = False

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.specification is None) == (self.id is None):
            raise ValueError("a workflow has either `specification` or `id`")
        return self


class SaveWorkflow(StrictBody):
    """Body of `POST /v1/workflows` and `PUT /v1/workflows/{id}`."""

    id: str | None = Field(default=None, description="Made up when absent; in a PUT it is the path's.")
    name: str = Field(default="", max_length=200, description="For people.")
    definition: dict[str, Any] | str = Field(description="The definition, as an object or as YAML or JSON text.")
    check: bool = Field(default=True, description="Refuse a definition that does not compile; needs a worker.")


class WorkflowSummary(Answer):
    """One saved workflow."""

    id: str
    name: str
    version: int
    versions: list[int]
    created: str | None


class WorkflowAnswer(WorkflowSummary):
    """One version of it."""

    definition: dict[str, Any]


class WorkflowList(Answer):
    """All that the caller may see."""

    workflows: list[WorkflowSummary]


class VersionQuery(Body):
    """Query of `GET /v1/workflows/{id}`."""

    version: str | None = Field(default=None, description="The newest when absent.")
