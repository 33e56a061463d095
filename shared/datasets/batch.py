"""Names of labelling batches: a new one each day, week or month."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Batching(BaseModel):
    """Into which batch a picture goes."""

    model_config = ConfigDict(extra="forbid")

    batches_name_prefix: str = Field(default="visionfleet", pattern=r"^[A-Za-z0-9_-]{1,64}$")
    recreation_interval: Literal["never", "daily", "weekly", "monthly"] = Field(
        default="daily", description="When a new batch is begun (UTC; weeks begin on Monday)."
    )
    max_batch_images: int | None = Field(default=None, ge=1, description="Pictures of one batch at most.")


def batch_name(batching: Batching, now: datetime) -> str:
    """Prefix and first day of the current interval: visionfleet_2026_11_26."""
    prefix = batching.batches_name_prefix
    if batching.recreation_interval == "never":
        return prefix
    first = now
    if batching.recreation_interval == "weekly":
        first = now - timedelta(days=now.weekday())
    elif batching.recreation_interval == "monthly":
        first = now.replace(day=1)
    return f"{prefix}_{first:%Y_%m_%d}"
