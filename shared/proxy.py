"""Settings of the proxy that calls to users' URLs go through, where there is one."""

from __future__ import annotations

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings

from shared.egress_policy import Proxy
from shared.settings import SETTINGS


class ProxySettings(BaseSettings):
    """HTTP_PROXY and its like are not read: what they lead to is not theirs to decide."""

    model_config = SETTINGS

    egress_proxy: SecretStr | None = Field(
        None,
        description="HTTP proxy for image URLs, models, webhooks and sinks: http://user:password@host:port.",
    )
    egress_proxy_resolves: bool = Field(
        False,
        description="The proxy looks names up and keeps out of private networks itself; otherwise it is asked for "
        "addresses that were judged here.",
    )

    @property
    def proxy(self) -> Proxy | None:
        """The proxy, if there is one."""
        given = self.egress_proxy.get_secret_value() if self.egress_proxy is not None else ""
        return Proxy(given, self.egress_proxy_resolves) if given else None
