"""Takes WebRTC offers while there is room, keeps their sessions, and ends those that are to end."""

from __future__ import annotations

import asyncio
from typing import Any

import structlog

from shared import keys
from shared.errors import InvalidRequest, NoStreamService, VisionfleetError
from shared.redis import AsyncRedis, RedisError
from shared.streams.offers import Offered, Offers
from stream_service.pipeline import Parts

log = structlog.get_logger(__name__)
AGAIN_S = 0.5
ROOM_S = 0.2
LOOK_S = 0.5
BROKEN = VisionfleetError("The session could not be made; the stream service's log says why.")
MISSING = 'WebRTC needs Python 3.11 or newer and: pip install "visionfleet-server[webrtc]"'


def told(error: Exception) -> VisionfleetError:
    """What the client hears of a failure."""
    if isinstance(error, VisionfleetError):
        return error
    if isinstance(error, ValueError):
        return InvalidRequest("The WebRTC offer cannot be read; is its `sdp` complete?")
    log.error("webrtc.offer_failed", exc_info=error)
    return BROKEN


class Reception:
    """Run it; cancel it to end every session."""

    def __init__(self, client: AsyncRedis, parts: Parts) -> None:
        self._offers = Offers(client)
        self._parts = parts
        self._client = client
        self._sessions: set[asyncio.Task[None]] = set()
        self._open: dict[str, Any] = {}

    def report(self) -> list[dict[str, Any]]:
        """The sessions, as ``shared.streams.records.session_from`` reads them."""
        return [session.report() for session in self._open.values()]

    async def run(self) -> None:
        """Until canceled."""
        looking = asyncio.create_task(self._look())
        try:
            while True:
                if len(self._sessions) >= self._parts.settings.stream_webrtc_sessions:
                    await asyncio.sleep(ROOM_S)
                    continue
                try:
                    offer = await self._offers.next()
                except VisionfleetError:
                    await asyncio.sleep(AGAIN_S)
                    continue
                if offer is not None:
                    task = asyncio.create_task(self._hold(offer))
                    self._sessions.add(task)
                    task.add_done_callback(self._sessions.discard)
        finally:
            looking.cancel()
            for task in self._sessions:
                task.cancel()
            await asyncio.gather(*self._sessions, return_exceptions=True)

    async def _look(self) -> None:
        """End the sessions that somebody terminated."""
        while True:
            await asyncio.sleep(LOOK_S)
            ids = list(self._open)
            if not ids:
                continue
            try:
                ended: Any = await self._client.mget([keys.stream_session_end(one) for one in ids])
            except (RedisError, OSError):
                continue
            for one, said in zip(ids, ended, strict=True):
                if said and one in self._open:
                    self._open[one].close("terminated")

    async def _hold(self, offered: Offered) -> None:
        offer = offered.spec
        try:
            from stream_service.webrtc.session import Session  # noqa: PLC0415 - an optional extra
        except ModuleNotFoundError:
            await self._offers.answer(offer.id, {"error": NoStreamService(MISSING).to_dict()})
            return
        session = Session(offered, self._parts)
        try:
            said = await session.answer()
        except Exception as error:  # noqa: BLE001 - whatever aiortc makes of a malformed offer
            await session.end()
            await self._offers.answer(offer.id, {"error": told(error).to_dict()})
            return
        self._open[offer.id] = session
        try:
            await self._offers.answer(offer.id, dict(said))
            log.info("webrtc.session", session=offer.id)
            await session.run()
        except Exception:
            log.exception("webrtc.session_failed", session=offer.id)
        finally:
            del self._open[offer.id]
        log.info("webrtc.session_over", session=offer.id)
