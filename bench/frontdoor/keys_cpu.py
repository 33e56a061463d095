"""What an API key costs the API in CPU time, whatever else the machine does: its own process's time per request.

One API process without Redis and workers behind it (queue and fleet in memory), real keys, requests by wrk. Sides take
turns; each figure is the least of all turns, which others on the machine disturbed least.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from aiohttp import web
from aiohttp.test_utils import TestServer, make_mocked_request

from api_service.access import token_of
from api_service.app import create_app
from api_service.backend import Backend
from api_service.route import discover
from api_service.settings import ApiSettings
from bench import pictures, report, wrk
from shared.access.gate import KeyGate
from shared.access.key import ApiKey, Limits
from shared.access.store import KeyStore
from shared.access.token import new_token
from tests.unit.api.fakes import MemoryDeadLetters, MemoryFleet, MemoryLedger, MemoryQueue

MODEL, ROUTE = "shapes-detector", "/infer/object_detection"
CALLS = 5_000
OTHERS = 1_000
"""Keys beside the one that is used."""


class Store:
    """Keys in memory."""

    def __init__(self, keys: Mapping[str, ApiKey]) -> None:
        self._keys = keys

    async def version(self) -> int:
        return 1

    async def table(self) -> Mapping[str, ApiKey]:
        return self._keys

    async def count(self, uses: Mapping[str, Any]) -> None:
        del uses

    async def release(self, key_id: str, request_id: str) -> None:
        del key_id, request_id


async def admitted(call: Any) -> Any:
    """What Redis answers; its round trip is not part of this figure."""
    del call
    return [b"ok", 9, 0, 0]


def application(keys: Mapping[str, ApiKey], *, closed: bool) -> web.Application:
    """The API, asking for keys or not."""
    gate, queue = KeyGate(cast("KeyStore", Store(keys)), admitted), MemoryQueue()
    settings = ApiSettings(require_keys=closed)
    app = create_app(settings, Backend(queue, MemoryFleet(), MemoryLedger(queue), MemoryDeadLetters(), gate))
    app.on_startup.append(lambda _: gate.start())
    app.on_cleanup.append(lambda _: gate.close())
    return app


def made(limits: Limits, keys: dict[str, ApiKey]) -> str:
    token = new_token()
    keys[token.id] = ApiKey(token.id, token.digest, "bench", ("infer",), token.id, 0, limits=limits)
    return token.text


async def measure(url: str, bodies: list[Path], headers: list[str], seconds: int) -> float:
    """Milliseconds of this process's CPU time for one request."""
    before = time.process_time()
    load = await asyncio.to_thread(wrk.run, url, bodies, 8, seconds, headers)
    return (time.process_time() - before) * 1000 / load.requests


async def compare(folder: Path, options: Any) -> list[report.Row]:
    keys: dict[str, ApiKey] = {}
    for _ in range(OTHERS):
        made(Limits(), keys)
    plain, limited = made(Limits(), keys), made(Limits(rate=1e6, concurrency=1000), keys)
    bodies = pictures.bodies(folder / "bodies", MODEL, pictures.jpegs(1, 8, 8))
    in_body = folder / "key.json"
    in_body.write_text(json.dumps({**json.loads(bodies[0].read_text()), "api_key": plain}))
    async with (
        TestServer(application({}, closed=False)) as free,
        TestServer(application(keys, closed=True)) as closed,
    ):
        address = str(closed.make_url(ROUTE))
        sides = {
            "no key asked for": (str(free.make_url(ROUTE)), bodies, []),
            "key in the header": (address, bodies, [f"Authorization: Bearer {plain}"]),
            "key in the query": (f"{address}?api_key={plain}", bodies, []),
            "key in the body": (address, [in_body], []),
            "key with limits, without Redis's part": (address, bodies, [f"Authorization: Bearer {limited}"]),
        }
        taken: dict[str, list[float]] = {side: [] for side in sides}
        for turn in range(options.rounds + 1):
            for side, (url, sent, headers) in sides.items():
                cost = await measure(url, sent, headers, options.seconds if turn else 1)
                taken[side] += [cost] if turn else []
    costs = {side: min(rows) for side, rows in taken.items()}
    base = costs["no key asked for"]
    return [{"side": side, "API cpu ms": cost, "ratio": cost / base} for side, cost in costs.items()]


async def alone() -> list[report.Row]:
    """What is done for a key and for nothing else, among a thousand keys, in microseconds of CPU time."""
    keys: dict[str, ApiKey] = {}
    for _ in range(OTHERS):
        made(Limits(), keys)
    token = made(Limits(), keys)
    gate = KeyGate(cast("KeyStore", Store(keys)), admitted)
    await gate.start()
    route = next(one for one in discover(ApiSettings()) if one.path == ROUTE)
    request = make_mocked_request("POST", ROUTE, headers={"Authorization": f"Bearer {token}"})
    parts = {"taken from the request": lambda: token_of(request, route), "found and proved": lambda: gate.search(token)}
    rows: list[report.Row] = []
    for name, part in parts.items():
        costs = []
        for _ in range(7):
            before = time.process_time()
            for _ in range(CALLS):
                await part()
            costs.append((time.process_time() - before) / CALLS * 1e6)
        rows.append({"a key is": name, "us": min(costs)})
    await gate.close()
    return rows


def main() -> None:
    parser = report.parser(__doc__)
    parser.add_argument("--seconds", type=int, default=3, help="of each side per round")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        rows = asyncio.run(compare(Path(name), options))
    report.show("a key by itself", asyncio.run(alone()), as_json=options.json)
    report.show("what an API key costs the API", rows, as_json=options.json)


if __name__ == "__main__":
    main()
