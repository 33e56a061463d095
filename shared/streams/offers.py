"""WebRTC offers on their way from the API to a stream service, and the answers back."""

from __future__ import annotations

import secrets
from typing import Any, Literal, NamedTuple

from pydantic import Field, ValidationError

from shared import keys
from shared.access.rights import EVERYTHING, Rights, load
from shared.codec import DecodeError, pack, unpack
from shared.errors import NoStreamService, QueueUnavailable, from_dict
from shared.redis import AsyncRedis, RedisError
from shared.streams.spec import ModelSpec, Part, SourceSpec, WorkflowSpec

ANSWER_TTL_S = 60
ANSWER_WAIT_S = 30
MOST_WAITING = 64


class IceServer(Part):
    """A STUN or TURN server."""

    urls: str | list[str]
    username: str | None = Field(default=None, max_length=512)
    credential: str | None = Field(default=None, max_length=512)


class OfferSpec(Part):
    """A session that a client offers. Frames come over the connection, from ``source``, or as an uploaded file.

    ``stream_output`` names the outputs that may go out as video (None: the first that is an image; []: none),
    ``data_output`` those that go over the data channel (None or []: none, ["*"]: all but images).
    """

    id: str = Field(default_factory=lambda: secrets.token_hex(16))
    type: Literal["offer"] = "offer"
    sdp: str = Field(max_length=65_536)
    workflow: WorkflowSpec | None = None
    model: ModelSpec | None = None
    source: SourceSpec | None = None
    ice_servers: list[IceServer] = Field(default_factory=list, max_length=8)
    realtime: bool = True
    stream_output: list[str] | None = Field(default=None, max_length=16)
    data_output: list[str] | None = Field(default=None, max_length=64)
    declared_fps: float | None = Field(default=None, gt=0, le=1000)
    max_fps: float | None = Field(default=None, gt=0, le=1000)
    processing_timeout_s: float = Field(default=3600.0, gt=0)


class Offered(NamedTuple):
    """An offer, and what its session may use."""

    spec: OfferSpec
    rights: Rights


class Offers:
    """Both ends of the way through Redis. Every method raises QueueUnavailable when Redis is away."""

    def __init__(self, client: AsyncRedis) -> None:
        self._client = client

    async def ask(self, offer: OfferSpec, rights: Rights = EVERYTHING) -> dict[str, str]:
        """Hand an offer to a stream service; returns the answer's ``sdp`` and ``type``.

        Raises what the service raised, or NoStreamService when none took it in time.
        """
        request = pack({"spec": offer.model_dump_json(), "rights": rights.dump()})
        if await self._do(self._client.llen(keys.STREAM_OFFERS)) >= MOST_WAITING:
            raise NoStreamService("No stream service takes WebRTC sessions; start one: python -m stream_service.")
        await self._do(self._client.rpush(keys.STREAM_OFFERS, request))
        for _ in range(ANSWER_WAIT_S):
            found = await self._do(self._client.blpop([keys.stream_offer(offer.id)], timeout=1))
            if found:
                said = unpack(found[1])
                if said.get("error"):
                    raise from_dict(said["error"])
                return {"sdp": str(said["sdp"]), "type": str(said["type"])}
        queue: Any = self._client
        await self._do(queue.lrem(keys.STREAM_OFFERS, 1, request))
        raise NoStreamService("No stream service took the WebRTC session; is one running that has room?")

    async def next(self, block_s: int = 1) -> Offered | None:
        """An offer, if one comes in time; what cannot be read is dropped."""
        found = await self._do(self._client.blpop([keys.STREAM_OFFERS], timeout=block_s))
        try:
            request = unpack(found[1]) if found else None
            return request and Offered(OfferSpec.model_validate_json(request["spec"]), load(request["rights"]))
        except (DecodeError, KeyError, TypeError, ValidationError):
            return None

    async def answer(self, offer_id: str, said: dict[str, Any]) -> None:
        """Leave the answer: ``sdp`` and ``type``, or ``error``."""
        pipe: Any = self._client.pipeline()
        pipe.rpush(keys.stream_offer(offer_id), pack(said)).expire(keys.stream_offer(offer_id), ANSWER_TTL_S)
        await self._do(pipe.execute())

    async def _do(self, question: Any) -> Any:
        try:
            return await question
        except (RedisError, OSError) as error:
            raise QueueUnavailable("Redis cannot be reached; try again in a moment.") from error
