"""Receivers of webhooks: one that is good, one that is slow, one that fails at first, one that refuses everything."""

from __future__ import annotations

import asyncio
import json

from aiohttp import web

from bench.chaos.history import History

SLOW_S = 1.5
KINDS = ("good", "slow", "failing", "refusing")


class Receivers:
    """All on one port, by path. ``refusing`` answers 500 until ``relent``; ``failing`` does so once for each event."""

    def __init__(self, history: History) -> None:
        self.port = 0
        self._history = history
        self._failed: set[str] = set()
        self._relented = False
        self._runner: web.AppRunner | None = None
        self._site: web.TCPSite | None = None

    def url(self, kind: str) -> str:
        """Where the receiver of that kind listens."""
        return f"http://127.0.0.1:{self.port}/{kind}"

    async def start(self) -> None:
        """Listen."""
        app = web.Application()
        app.router.add_post("/{kind}", self._receive)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await self.open()

    async def open(self) -> None:
        """Listen (again, on the same port)."""
        assert self._runner is not None
        self._site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await self._site.start()
        self.port = self._runner.addresses[0][1]

    async def shut(self) -> None:
        """Refuse connections."""
        assert self._site is not None
        await self._site.stop()

    def relent(self) -> None:
        """Accept everything from now on."""
        self._relented = True

    async def close(self) -> None:
        """Listen no more."""
        assert self._runner is not None
        await self._runner.cleanup()

    async def _receive(self, request: web.Request) -> web.Response:
        kind, webhook_id = request.match_info["kind"], request.headers.get("webhook-id", "")
        message = json.loads(await request.read())
        status = self._status(kind, webhook_id)
        if kind == "slow":
            await asyncio.sleep(SLOW_S)
        event = str(message["type"]).removeprefix("job.")
        self._history.note("hook", message["data"]["id"], id=webhook_id, event=event, receiver=kind, status=status)
        return web.Response(status=status)

    def _status(self, kind: str, webhook_id: str) -> int:
        if kind == "refusing" and not self._relented:
            return 500
        if kind == "failing" and webhook_id not in self._failed:
            self._failed.add(webhook_id)
            return 500
        return 200
