"""Images behind URLs, fetched through the egress guard."""

from __future__ import annotations

from shared.batches.settings import BatchSettings
from shared.egress import Egress


class UrlSource:
    """The names of the items are the URLs."""

    readers = 16

    def __init__(self, settings: BatchSettings) -> None:
        self._egress = Egress(settings.egress)

    async def plan(self) -> list[str] | None:
        """Never asked: the API wrote the items down."""
        return None

    async def read(self, index: int, name: str) -> bytes | None:
        """Fetch one. Raises EgressRefused, EgressFailed, TooLarge."""
        del index
        return await self._egress.fetch(name)

    async def close(self) -> None:
        """Close the client."""
        await self._egress.close()
