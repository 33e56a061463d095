"""Settings of tracing; each field is a documented ``VISIONFLEET_*`` variable."""

from __future__ import annotations

from pydantic import AliasChoices, Field
from pydantic_settings import BaseSettings

from shared.settings import SETTINGS


class TracingSettings(BaseSettings):
    """Whether and where the services tell their part of a request's way (OpenTelemetry)."""

    model_config = SETTINGS

    tracing: bool = Field(
        default=False,
        validation_alias=AliasChoices("VISIONFLEET_TRACING", "OTEL_TRACING_ENABLED"),
        description="Send spans of requests, jobs and webhooks; needs the extra `otel`.",
    )
    tracing_endpoint: str = Field(
        "http://127.0.0.1:4318",
        validation_alias=AliasChoices("VISIONFLEET_TRACING_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"),
        description="Collector that takes OTLP over HTTP; spans go to /v1/traces there.",
    )
    tracing_ratio: float = Field(
        1.0,
        ge=0,
        le=1,
        description="Share of the traces that begin here; a caller's `traceparent` decides for its own.",
    )
