"""HTTP as a client of several replicas speaks it: any replica will do, and a broken connection says nothing."""

from __future__ import annotations

import asyncio
import random
from typing import Any, NamedTuple

import aiohttp

PATIENCE_S = 40.0
"""Longer than any request may take: then the server hangs."""


class Broken(Exception):
    """The connection was refused or broke."""


class Hung(Broken):
    """Nothing came and nothing broke."""


class Answer(NamedTuple):
    """Status and decoded JSON."""

    status: int
    body: Any

    @property
    def ok(self) -> bool:
        """2xx."""
        return 200 <= self.status < 300

    @property
    def code(self) -> str:
        """The error's code, "" when there is none."""
        return str(self.body.get("code") or "") if isinstance(self.body, dict) else ""


class Api:
    """The replicas at ``urls``."""

    def __init__(self, urls: list[str], chance: random.Random) -> None:
        self.urls = urls
        self._chance = chance
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=PATIENCE_S), connector=aiohttp.TCPConnector(limit=0)
        )

    async def ask(self, method: str, path: str, *, url: str | None = None, **request: Any) -> Answer:
        """One request to the replica at ``url`` or to any. Raises Broken, Hung."""
        base = url or self._chance.choice(self.urls)
        try:
            async with self._session.request(method, base + path, **request) as response:
                is_json = "json" in response.content_type
                return Answer(response.status, await response.json(content_type=None) if is_json else None)
        except asyncio.TimeoutError as error:
            raise Hung(path) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise Broken(type(error).__name__) from error

    async def text(self, path: str) -> str:
        """The body of a GET, as text. Raises Broken."""
        try:
            async with self._session.get(self._chance.choice(self.urls) + path) as response:
                return await response.text() if response.status == 200 else ""
        except (aiohttp.ClientError, OSError, asyncio.TimeoutError) as error:
            raise Broken(type(error).__name__) from error

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()
