"""Body and query of the account of use."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from api_service.schemas.base import Answer, Body


class UsageQuery(Body):
    """Query of `GET /v1/usage`."""

    since: date | None = Field(default=None, description="First day (UTC), e.g. 2026-11-01; 30 days back if missing.")
    until: date | None = Field(default=None, description="Last day, included; today if missing.")
    key: str | None = Field(default=None, max_length=200, description='Only of this key; "" is without a key.')
    model: str | None = Field(default=None, max_length=200, description="Only of this model; `@workflows` for runs.")
    by: str = Field(
        default="day,key,model",
        pattern=r"^((day|key|model)(,(day|key|model)){0,2})?$",
        description="What to sum up by: some of day, key, model, with commas; empty for one row.",
    )
    format: Literal["json", "csv"] = Field(default="json", description="JSON, or CSV with a head.")


class UsageRow(Answer):
    """What was used; null is what the rows are not grouped by."""

    day: str | None
    key: str | None = Field(description='Id of the API key, or the owner of a stream or batch; "" without a key.')
    name: str | None = Field(description="Name of that key, where there is one.")
    model: str | None
    jobs: int = Field(description="Jobs that workers ended, each counted once.")
    failed: int = Field(description="Jobs among them that failed.")
    images: int = Field(description="Images answered.")
    infer_s: float = Field(description="Seconds that models ran for them: of a batch, the image's share.")


class UsageAnswer(Answer):
    """The account."""

    since: str
    until: str
    usage: list[UsageRow]
