"""A server on the network: nobody before the first key, then whoever has one, on every replica."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.integration.test_api_service import api
from tests.redis_server import RedisServer

pytestmark = pytest.mark.integration


def keys(redis_url: str, *words: str) -> subprocess.CompletedProcess[str]:
    """``visionfleet keys --direct``."""
    command = [sys.executable, "-m", "deploy.local.keys", *words, "--json"]
    environment = {**os.environ, "VISIONFLEET_REDIS_URL": redis_url}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)


async def made(redis_url: str, *words: str) -> dict[str, Any]:
    done = await asyncio.to_thread(keys, redis_url, *words)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


async def status(session: aiohttp.ClientSession, url: str, key: str = "") -> int:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    async with session.get(url, headers=headers) as answer:
        return answer.status


async def until(session: aiohttp.ClientSession, url: str, key: str, wanted: int) -> None:
    for _ in range(100):
        if await status(session, url, key) == wanted:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"{url} never answered {wanted}")


async def test_from_the_first_key_to_its_end(redis_url: str) -> None:
    async with (
        api(redis_url, host="0.0.0.0") as (_, one),
        api(redis_url, host="0.0.0.0") as (_, two),
        aiohttp.ClientSession() as session,
    ):
        assert [await status(session, f"{base}/v1/jobs") for base in (one, two)] == [401, 401]
        admin = (await made(redis_url, "create", "me", "--scope", "admin"))["key"]
        await until(session, f"{one}/v1/keys", admin, 200)
        headers = {"Authorization": f"Bearer {admin}"}
        asked = {"name": "camera", "scopes": ["jobs"], "limits": {"rate": 0.001, "burst": 3}}
        async with session.post(f"{one}/v1/keys", json=asked, headers=headers) as answer:
            camera = await answer.json()
            assert answer.status == 201
        await until(session, f"{two}/v1/dead-letters", camera["key"], 403)
        found = [await status(session, f"{base}/v1/jobs", camera["key"]) for base in (one, two, one, two)]
        assert found == [200, 200, 200, 429]
        async with session.post(f"{two}/v1/keys/{camera['id']}/revoke", headers=headers) as answer:
            assert (await answer.json())["state"] == "revoked"
        await until(session, f"{one}/v1/jobs", camera["key"], 401)
        async with session.get(f"{one}/v1/keys", headers=headers) as answer:
            text = await answer.text()
        assert camera["key"] not in text
        assert camera["id"] in text
        used = await made(redis_url, "show", camera["id"])
        assert used["requests"] >= 3
        assert used["refused"] >= 2


def test_the_command(redis_url: str, redis_server: RedisServer) -> None:
    for wrong in (
        ["create", "x", "--scope", "root"],
        ["create", "x"],
        ["create", "x", "--scope", "infer", "--expires", "soon"],
        ["create", "x", "--scope", "infer", "--queue-share", "2"],
        ["revoke", "nobody"],
    ):
        done = keys(redis_url, *wrong)
        assert done.returncode != 0
        assert "error" in done.stderr
    made = json.loads(
        keys(redis_url, "create", "x", "--scope", "infer", "--expires", "7d", "--model", "a/*", "--rate", "5").stdout
    )
    assert (made["scopes"], made["models"], made["limits"]) == (["infer"], ["a/*"], {"rate": 5.0})
    listed = keys(redis_url, "list").stdout
    assert made["id"] in listed
    assert made["key"] not in listed
    assert json.loads(keys(redis_url, "revoke", made["id"]).stdout)["state"] == "revoked"


def test_the_command_finds_no_server(tmp_path: Path) -> None:
    environment = {**os.environ, "VISIONFLEET_DATA_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "deploy.local.keys", "list"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, "VISIONFLEET_DATA_DIR" in done.stderr) == (1, True)
