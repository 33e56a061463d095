"""Settings of what Prometheus is told; each field is a documented ``VISIONFLEET_*`` variable."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings

from shared.settings import SETTINGS


class MetricsSettings(BaseSettings):
    """How much the services tell Prometheus."""

    model_config = SETTINGS

    metrics_max_models: int = Field(
        100, ge=1, description="Models that have series of their own; those seen later share the model `other`."
    )
    metrics_workers: bool = Field(
        default=True,
        description="Serve the workers' figures at the API's /metrics too. Off, when each worker is scraped itself.",
    )
    metrics_port: int = Field(
        0,
        ge=0,
        le=65535,
        description="Port on which a worker or stream service serves its own figures at /metrics; 0 serves none.",
    )
    metrics_host: str = Field("127.0.0.1", description="Address on which they serve them.")
