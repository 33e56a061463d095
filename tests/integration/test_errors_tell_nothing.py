"""Every route, wronged in every way: no answer tells an internal, no answer and no log line tells a secret."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import redis

from shared.access.token import new_token
from tests.integration.test_api_service import until_up
from tests.redis_server import RedisServer, free_port

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]
ROOT = Path(__file__).resolve().parents[2]
PASSWORD, ADMIN, TOKEN = "redis-p4ssw0rd-of-ours", "admin-" + "s3cret" * 8, new_token().text
URL = "https://user:hunter2-of-a-user@10.0.0.1/a.jpg?signature=hunter2-of-a-user"
SECRETS = (PASSWORD, ADMIN, TOKEN, TOKEN.split("_", 2)[2], "hunter2")
INTERNALS = ("Traceback", 'File "', str(ROOT), "site-packages", "redis.exceptions", "127.0.0.1:", "object at 0x")
PLACES = ("x", "..%2F..%2Fetc%2Fpasswd")
IMAGE = {"type": "url", "value": URL}
BODIES: tuple[Any, ...] = (
    None,
    b'{"model_id":',
    {"api_key": TOKEN, "model_id": "m", "image": IMAGE},
    {"model": "m", "image": IMAGE, "webhook": {"url": URL}, "sources": [{"reference": URL}]},
    {"definition": {"version": 1, "steps": [URL]}, "specification": {"steps": URL}, "name": URL, "scopes": [URL]},
)


def routes() -> Iterator[tuple[str, str]]:
    for line in (ROOT / "tests" / "golden" / "routes.txt").read_text().splitlines():
        method, _, path = line.split()
        for place in PLACES if "{" in path else PLACES[:1]:
            parts = [place if part.startswith("{") else part for part in path.split("/")]
            yield method, "/".join(parts)


class Told:
    """What the server answered."""

    def __init__(self) -> None:
        self.count = 0
        self.wrong: list[tuple[str, str, int, str]] = []

    def note(self, method: str, path: str, status: int, body: str) -> None:
        self.count += 1
        if status == 500 or any(text in body for text in (*SECRETS, *INTERNALS)):
            self.wrong.append((method, path, status, body[:500]))


async def ask(session: aiohttp.ClientSession, told: Told, how: tuple[str, str], body: Any, *, key: str) -> None:
    method, path = how
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    query = "" if key else f"?api_key={TOKEN}"
    given: dict[str, Any] = {"data": body} if isinstance(body, bytes) else {"json": body} if body is not None else {}
    try:
        async with session.request(method, f"{path}{query}", headers=headers, **given) as answer:
            if not path.startswith(("/web/", "/docs", "/openapi.json")):  # pages, which show examples of addresses
                told.note(method, path, answer.status, (await answer.content.read(200_000)).decode(errors="replace"))
    except (aiohttp.ClientError, asyncio.TimeoutError):
        told.count += 1


async def everything(session: aiohttp.ClientSession, told: Told, bodies: tuple[Any, ...]) -> None:
    gate = asyncio.Semaphore(8)

    async def one(how: tuple[str, str], body: Any, key: str) -> None:
        async with gate:
            await ask(session, told, how, body, key=key)

    asked = [(how, body, key) for how in routes() for body in bodies for key in (ADMIN, "")]
    await asyncio.gather(*(one(*each) for each in asked))


async def test_no_answer_and_no_log_line_tells_what_it_should_not(tmp_path: Path) -> None:
    server, port, log = RedisServer(tmp_path), free_port(), tmp_path / "api.log"
    server.start()
    with redis.Redis(port=server.port) as client:
        client.config_set("requirepass", PASSWORD)
    environment = {
        **os.environ,
        "VISIONFLEET_REDIS_URL": f"redis://:{PASSWORD}@127.0.0.1:{server.port}/0",
        "VISIONFLEET_PORT": str(port),
        "VISIONFLEET_ADMIN_KEY": ADMIN,
        "VISIONFLEET_REQUEST_TIMEOUT_S": "2",
        "VISIONFLEET_LOG_LEVEL": "debug",
        "VISIONFLEET_DATA_DIR": str(tmp_path),
    }
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "api_service"), env=environment, stdout=output, stderr=output
        )
    base, told = f"http://127.0.0.1:{port}", Told()
    try:
        await until_up(base)
        async with aiohttp.ClientSession(base, timeout=aiohttp.ClientTimeout(15)) as session:
            await everything(session, told, BODIES)
            server.kill()
            await everything(session, told, BODIES[3:4])
            async with session.get("/healthz") as answer:
                assert answer.status == 200
    finally:
        process.kill()
        await process.wait()
        server.kill()
    assert told.wrong == []
    assert told.count > 1000
    lines = await asyncio.to_thread(log.read_text)
    assert "/v1/jobs" in lines
    assert [line[:500] for line in lines.splitlines() if any(secret in line for secret in SECRETS)] == []
