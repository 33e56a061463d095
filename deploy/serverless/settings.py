"""Settings of a process that serves requests without a fleet; each field is a documented variable."""

from __future__ import annotations

from pydantic import AliasChoices, Field
from pydantic_settings import BaseSettings

from shared.settings import SETTINGS


class ServerlessSettings(BaseSettings):
    """How one process serves without Redis: ``python -m deploy.serverless``, and AWS Lambda."""

    model_config = SETTINGS

    serverless_port: int = Field(
        8080,
        ge=0,
        le=65535,
        validation_alias=AliasChoices("VISIONFLEET_SERVERLESS_PORT", "PORT"),
        description="Port to listen on; Cloud Run sets PORT.",
    )
    serverless_concurrency: int = Field(
        64, ge=1, description="Images that may be in the process at a time; more are answered 503 queue_full."
    )
    serverless_margin_ms: int = Field(
        1_000, ge=0, description="An answer is given this long before the platform would end the request."
    )
