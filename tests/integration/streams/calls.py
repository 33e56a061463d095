"""Requests to the API."""

from __future__ import annotations

import json
from typing import Any

import aiohttp


async def call(http: aiohttp.ClientSession, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    async with http.request(method, path, json=body) as answer:
        return answer.status, json.loads(await answer.read() or b"null")
