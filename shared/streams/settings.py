"""Settings of streams that the API and the stream service both read."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings

from shared.settings import SETTINGS


class StreamLimits(BaseSettings):
    """How many streams there may be and what of them is kept."""

    model_config = SETTINGS

    stream_max: int = Field(256, ge=1, description="Streams that may exist at the same time.")
    stream_probe_timeout_s: float = Field(
        15.0, gt=0, description="Seconds that trying the sources of a new stream may take."
    )
    stream_ended_ttl_s: float = Field(
        600.0, gt=0, description="How long an ended stream and its last results can be read."
    )
    stream_result_bytes: int = Field(
        1_048_576,
        ge=1024,
        description="Largest result of one frame that is kept for clients; larger ones are left out.",
    )
    stream_feed_length: int = Field(256, ge=1, description="Results that the live feed of a stream keeps.")
