"""Settings of workflows."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings

from shared.settings import SETTINGS


class WorkflowSettings(BaseSettings):
    """What workflows may use and do."""

    model_config = SETTINGS

    workflow_concurrent_steps: int = Field(
        8, ge=1, le=256, description="Steps of one workflow run that are under way at the same time."
    )
    workflow_max_image_pixels: int = Field(
        178_956_970, ge=1, description="Pixels that a workflow decodes of one image; larger ones are refused."
    )
    workflow_write_dir: Path | None = Field(
        None, description="Folder under which the local file sink may write; none lets it write nothing."
    )
    workflow_secret_variables: list[str] = Field(
        [], description="Environment variables that workflows may hand to their steps as secrets, as a JSON list."
    )


def read_secret(name: str) -> str | None:
    """The value of an environment variable; its caller has checked that workflows may read it."""
    return os.environ.get(name)
