"""Settings of who may call the API; each field is a documented ``VISIONFLEET_*`` variable."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode

from shared.settings import SETTINGS, also

Names = Annotated[tuple[str, ...], NoDecode]


class AccessSettings(BaseSettings):
    """Who may call the API."""

    model_config = SETTINGS

    insecure: bool = Field(
        default=False, description="Serve everybody without API keys, on any address. For closed networks only."
    )
    require_keys: bool = Field(
        default=False, description="Ask for API keys on loopback too, even before the first key was made."
    )
    admin_key: SecretStr | None = Field(
        default=None,
        min_length=32,
        description="A key that may do everything, beside those in Redis: for deployments that take it from a secret.",
    )
    launcher_key: SecretStr | None = Field(
        default=None, min_length=32, description="Set by script/server itself, to look at the system that it started."
    )
    multi_tenant: bool = Field(
        default=False,
        description="Each key sees only its owner's jobs, batches, streams and saved workflows; admins see all.",
    )
    public_metrics: bool = Field(default=False, description="Serve /metrics without a key.")
    cors_origins: Names = Field(
        default=(),
        validation_alias=also("CORS_ORIGINS", "ALLOW_ORIGINS"),
        description="Origins whose pages may call the API from a browser, or * for all.",
    )
    allowed_hosts: Names = Field(
        default=(), description="Host names beside localhost under which a server without keys on loopback answers."
    )

    @field_validator("cors_origins", "allowed_hosts", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part.strip().rstrip("/").lower() for part in value.split(",") if part.strip())
        return value
