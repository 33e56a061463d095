"""Settings of workflows."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import NoDecode

from shared.proxy import ProxySettings
from shared.settings import SETTINGS, also


class WorkflowSettings(ProxySettings):
    """What workflows may use and do."""

    model_config = SETTINGS

    workflow_concurrent_steps: int = Field(
        8,
        ge=1,
        le=256,
        validation_alias=also("WORKFLOW_CONCURRENT_STEPS", "WORKFLOWS_MAX_CONCURRENT_STEPS"),
        description="Steps of one workflow run that are under way at the same time.",
    )
    workflow_max_image_pixels: int = Field(
        178_956_970, ge=1, description="Pixels that a workflow decodes of one image; larger ones are refused."
    )
    workflow_runs: int = Field(4, ge=1, le=256, description="Workflow runs that one worker has under way at a time.")
    workflow_preload: bool = Field(
        False,
        description="Import workflow blocks, with plug-ins, when a worker starts; otherwise the first run does, "
        "and a worker without workflows saves the memory.",
    )
    workflow_plugins: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        validation_alias=also("WORKFLOW_PLUGINS", "WORKFLOWS_PLUGINS"),
        description="Modules with further workflow blocks, separated by commas.",
    )
    workflow_python: bool = Field(
        False,
        validation_alias=also("WORKFLOW_PYTHON", "ALLOW_CUSTOM_PYTHON_EXECUTION_IN_WORKFLOWS"),
        description="Run Python code that definitions bring, in confined processes.",
    )
    workflow_python_timeout_s: float = Field(10.0, gt=0, description="Seconds that one call of such code may take.")
    workflow_python_memory: int = Field(
        4 * 2**30, ge=2**28, description="Bytes of address space that the process of such code may have."
    )
    workflow_python_spares: int = Field(
        1, ge=0, le=16, description="Processes for such code that wait, warm, so that a run need not start one."
    )
    workflow_write_dir: Path | None = Field(
        None, description="Folder under which sinks that write files may write; none lets it write nothing."
    )
    workflow_sink_allow_private: bool = Field(
        False,
        description="Let sinks of workflows call private, loopback and other non-global addresses too, over plain http "
        "and at any port.",
    )
    workflow_sink_timeout_s: float = Field(
        20.0, gt=0, le=300, description="Seconds that a sink of a workflow waits for whom it calls, at most."
    )
    workflow_chat_base_urls: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        validation_alias=also("WORKFLOW_CHAT_BASE_URLS", "OPENAI_COMPATIBLE_ALLOWED_BASE_URLS"),
        description="Base URLs of OpenAI-compatible servers that steps of workflows may ask wherever they are, in "
        "private networks too, separated by commas, * for any; others must be on the public internet, over https.",
    )
    workflow_chat_timeout_s: float = Field(
        120.0, gt=0, le=3600, description="Seconds that a step of a workflow waits for such a server, at most."
    )
    workflow_s3_url: str | None = Field(
        None, description="Where sinks find S3's API when it is not AWS's: MinIO, say. Buckets are then in its paths."
    )
    workflow_slack_url: str = Field("https://slack.com/api", description="Where Slack's Web API is.")
    workflow_twilio_url: str = Field("https://api.twilio.com", description="Where Twilio's API is.")
    workflow_roboflow_url: str = Field("https://api.roboflow.com", description="Where sinks upload datasets to.")
    workflow_roboflow_api_key: SecretStr | None = Field(
        None, description="Roboflow's key with which sinks of workflows upload to datasets; without one they do not."
    )
    workflow_secret_variables: list[str] = Field(
        [], description="Environment variables that workflows may hand to their steps as secrets, as a JSON list."
    )

    @field_validator("workflow_plugins", "workflow_chat_base_urls", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def read_secret(name: str) -> str | None:
    """The value of an environment variable; its caller has checked that workflows may read it."""
    return os.environ.get(name)
