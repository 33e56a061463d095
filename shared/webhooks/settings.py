"""Settings of the webhooks; the API and the workers read the same."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr

from shared.egress_policy import EgressPolicy
from shared.proxy import ProxySettings
from shared.settings import SETTINGS


class WebhookSettings(ProxySettings):
    """Where webhooks may go, how they are signed, and how long their ledger is kept."""

    model_config = SETTINGS

    data_dir: Path = Field(Path("data"), description="Folder for Redis data, logs, added models and results.")
    webhook_key: SecretStr | None = Field(
        None,
        description="Key that encrypts webhook secrets, 32 bytes as base64, the same for every process; unset, one is "
        "made in the file webhook.key of the data folder.",
    )
    public_url: str = Field(
        "", description="How callers reach this API, such as https://vision.example; result URLs start with it."
    )
    webhook_allow_http: bool = Field(False, description="Also send webhooks over plain http.")
    webhook_allow_private: bool = Field(
        False, description="Send webhooks to private, loopback and other non-global addresses too."
    )
    webhook_ports: tuple[int, ...] = Field((80, 443), description="Ports that webhook URLs may name; [] allows any.")
    webhook_timeout_s: float = Field(20.0, gt=0, le=60, description="Seconds that a receiver gets to answer.")
    webhook_inline_bytes: int = Field(
        20_000, ge=0, description="Largest payload that carries the result itself, when the job asked for that."
    )
    webhook_retention_s: float = Field(
        259_200.0, gt=0, description="How long a delivery that has ended stays in the ledger and can be replayed."
    )
    webhook_stream_waiting: int = Field(
        10_000, ge=1, description="Webhooks that may be waiting before the streams' results are left out of them."
    )
    webhook_concurrency: int = Field(256, ge=1, description="Webhooks that one worker process sends at the same time.")
    webhook_per_receiver: int = Field(
        32, ge=1, description="Webhooks that one worker process sends to one URL at the same time."
    )

    @property
    def policy(self) -> EgressPolicy:
        """What webhook URLs may lead to."""
        return EgressPolicy(
            schemes=frozenset({"http", "https"} if self.webhook_allow_http else {"https"}),
            ports=frozenset(self.webhook_ports) or None,
            allow_private=self.webhook_allow_private,
            timeout_s=self.webhook_timeout_s,
            connections=self.webhook_concurrency,
            proxy=self.proxy,
        )
