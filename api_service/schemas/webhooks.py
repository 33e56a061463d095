"""Bodies of the webhook routes: secrets and the ledger of deliveries."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr

from api_service.schemas.base import Answer, Body, StrictBody

Kind = Literal["hmac", "ed25519"]
Kinds = Annotated[
    tuple[Kind, ...],
    Field(
        min_length=1, max_length=4, description="One key is made of each kind; webhooks are signed with all of them."
    ),
]


class SecretRequest(StrictBody):
    """Body of `POST /v1/webhooks/secrets`."""

    name: str = Field(default="", max_length=100, description="For people; changes nothing.")
    kinds: Kinds = ("hmac",)
    secret: SecretStr | None = Field(
        default=None, description="A key of yours, `whsec_...` or `whsk_...`, in place of new ones."
    )


class RotateRequest(SecretRequest):
    """Body of `POST /v1/webhooks/secrets/{id}/rotate`."""

    overlap: float = Field(
        default=86_400, ge=0, le=2_592_000, description="Seconds for which the former keys go on signing too."
    )


class SecretKey(Answer):
    """One key. `secret` is there once, in the answer that made the key."""

    kind: Kind
    public_key: str | None = Field(description="`whpk_...` of an ed25519 key.")
    created: str
    expires: str | None = Field(description="When a rotated key stops signing.")
    secret: str | None = Field(default=None, description="`whsec_...` or `whsk_...`; store it now.")


class SecretAnswer(Answer):
    """A secret: the name that jobs use for a set of signing keys."""

    id: str
    name: str
    created: str
    keys: list[SecretKey]


class SecretsAnswer(Answer):
    """All secrets; `default` signs the webhooks whose job named none."""

    secrets: list[SecretAnswer]


class JobEvent(Answer):
    """The job that a webhook tells of. The last three are there with mode `inline`, while the body stays small."""

    id: str
    state: Literal["running", "succeeded", "failed", "canceled", "expired"]
    result_url: str
    model: str | None = None
    created: str | None = None
    started: str | None = None
    finished: str | None = None
    metadata: dict[str, str] | None = None
    timings: dict[str, float] | None = None
    outputs: list[dict[str, Any]] | None = None
    error: dict[str, Any] | None = None


class JobMessage(Answer):
    """Body of a webhook."""

    type: str = Field(examples=["job.succeeded"])
    timestamp: str = Field(description="When it happened.")
    data: JobEvent


class DeliveriesQuery(Body):
    """Query of `GET /v1/webhooks/deliveries`."""

    state: Literal["pending", "delivered", "failed", "disabled"] | None = Field(
        default=None, description="Only deliveries in this state."
    )
    job: str | None = Field(default=None, max_length=64, description="Only deliveries about this job.")
    event: Literal["started", "succeeded", "failed", "canceled", "expired"] | None = Field(
        default=None, description="Only deliveries of this event."
    )
    limit: int = Field(default=50, ge=1, le=500, description="Most deliveries in the answer.")
    cursor: str | None = Field(default=None, max_length=200, description="`next` of the page before.")


class Attempt(Answer):
    """One attempt; `status` is null when nothing answered."""

    at: str
    ms: int
    status: int | None
    error: str | None


class DeliveryAnswer(Answer):
    """One delivery of one webhook. `id` is its `webhook-id`, the same in every attempt."""

    id: str
    job: str
    type: str = Field(examples=["job.succeeded"])
    url: str
    secret_id: str
    state: Literal["pending", "delivered", "failed", "disabled"]
    attempts: int = Field(description="Attempts since it was made or replayed.")
    created: str
    due: str | None = Field(description="When it is sent next; null when it has ended.")
    log: list[Attempt] = Field(description="The latest attempts, oldest first.")


class DeliveriesAnswer(Answer):
    """One page of the ledger, newest first."""

    deliveries: list[DeliveryAnswer]
    next: str | None = Field(description="`cursor` of the next page; null at the end.")
