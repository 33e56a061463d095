"""Settings of fetching models from elsewhere."""

from __future__ import annotations

from pydantic import Field, SecretStr

from shared.egress_policy import EgressPolicy
from shared.proxy import ProxySettings
from shared.settings import SETTINGS, also


class FetchSettings(ProxySettings):
    """Where models come from that no folder has. API and workers need the same."""

    model_config = SETTINGS

    roboflow_api_key: SecretStr | None = Field(
        None,
        validation_alias=also("ROBOFLOW_API_KEY", "ROBOFLOW_API_KEY"),
        description="With a key, models that no worker has are fetched from Roboflow when they are asked for.",
    )
    roboflow_api_url: str = Field(
        "https://api.roboflow.com",
        validation_alias=also("ROBOFLOW_API_URL", "API_BASE_URL"),
        description="Where Roboflow's endpoints are.",
    )
    fetch_max_bytes: int = Field(4 * 2**30, ge=1, description="Largest file of a model that is fetched, in bytes.")
    fetch_timeout_s: float = Field(900.0, gt=0, description="Seconds that fetching one file of a model may take.")
    fetch_allow_private: bool = Field(
        False, description="Fetch models over http and from private and loopback addresses too."
    )

    @property
    def fetches(self) -> bool:
        """Whether unknown models are fetched."""
        return self.roboflow_api_key is not None and bool(self.roboflow_api_key.get_secret_value())

    @property
    def fetch_policy(self) -> EgressPolicy:
        """What may be called for a model."""
        return EgressPolicy(
            schemes=frozenset({"http", "https"} if self.fetch_allow_private else {"https"}),
            ports=None if self.fetch_allow_private else frozenset({443}),
            allow_private=self.fetch_allow_private,
            max_bytes=self.fetch_max_bytes,
            timeout_s=self.fetch_timeout_s,
            proxy=self.proxy,
        )
