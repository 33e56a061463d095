"""Bodies of the routes of API keys."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from api_service.schemas.base import Answer, StrictBody
from shared.access.key import Allowance

OWNER = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"


class KeyLimits(StrictBody):
    """Limits of one key; null is no limit."""

    rate: float | None = Field(default=None, gt=0, le=1e6, description="Requests per second, on average.")
    burst: int | None = Field(default=None, ge=1, le=1_000_000, description="Requests at once before `rate` holds.")
    concurrency: int | None = Field(default=None, ge=1, le=100_000, description="Requests under way at the same time.")
    queue_share: float | None = Field(
        default=None, gt=0, le=1, description="Share of a queue's depth that its owner's unfinished jobs may take."
    )


class KeyRequest(StrictBody):
    """Body of `POST /v1/keys`."""

    name: str = Field(min_length=1, max_length=100, description="For people.", examples=["camera at the gate"])
    scopes: list[Allowance] = Field(min_length=1, max_length=10, description="What the key allows.")
    owner: str = Field(
        default="", pattern=rf"^$|{OWNER}", description="Whose jobs its jobs are; its own id when it is left out."
    )
    expires_in: float | None = Field(default=None, gt=0, le=3.2e9, description="Seconds until it ends; never without.")
    models: list[str] = Field(
        default_factory=list, max_length=100, description="Models that it may use, with * and ?; all without any."
    )
    limits: KeyLimits = Field(default_factory=KeyLimits)


class KeyUsage(Answer):
    """What a key was used for, up to a second ago."""

    requests: int = Field(description="Requests that were let through.")
    refused: int = Field(description="Requests refused for its scopes or limits.")
    last_used: str | None


class KeyAnswer(Answer):
    """An API key. `key` is there only in the answer that made it."""

    id: str
    name: str
    state: Literal["active", "expired", "revoked"]
    scopes: list[str]
    owner: str
    models: list[str]
    limits: KeyLimits
    created: str | None
    expires: str | None
    revoked: str | None
    usage: KeyUsage | None = None
    key: str | None = None


class KeysAnswer(Answer):
    """All keys, oldest first."""

    keys: list[KeyAnswer]
