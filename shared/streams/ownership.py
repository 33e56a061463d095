"""Streams as their owner sees them: claimed, renewed, written to, given up. For one stream service."""

from __future__ import annotations

import time
from collections.abc import Awaitable
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

from pydantic import ValidationError

from shared import keys
from shared.access.rights import EVERYTHING, Rights, load
from shared.codec import pack
from shared.errors import LeaseLost
from shared.queue.submission import refusal
from shared.redis import AsyncRedis, Call, RedisError, run_async
from shared.streams import scripts
from shared.streams.records import Streamer, mapping
from shared.streams.settings import StreamLimits
from shared.streams.spec import Desired, PipelineSpec

T = TypeVar("T")
PREVIEW_MS = 3_000
BEAT_TTL_MS = 6_000


@dataclass
class Lease:
    """One stream that is ours. ``renewed`` is monotonic seconds; past ``renewed`` + lease nobody may act for it."""

    id: str
    epoch: int
    version: int
    desired: Desired
    restarts: int
    spec: PipelineSpec
    renewed: float
    rights: Rights = EVERYTHING
    status: dict[str, Any] = field(default_factory=dict)
    idle_s: float = 0.0
    request_id: str = ""

    @property
    def names(self) -> dict[str, str]:
        """What a log line calls it."""
        return {"stream": self.id} | ({"request_id": self.request_id} if self.request_id else {})

    def valid(self, lease_s: float) -> bool:
        """Whether it is certainly still ours."""
        return time.monotonic() - self.renewed < lease_s


class Ownership:
    """Every method raises QueueUnavailable without Redis."""

    def __init__(self, client: AsyncRedis, limits: StreamLimits, replica: str, lease_s: float) -> None:
        self.replica = replica
        self._client = client
        self._limits = limits
        self._lease_ms = int(lease_s * 1000)

    async def claim(self, stream_id: str) -> Lease | None:
        """Own the stream, unless somebody else does or it is over."""
        began = time.monotonic()
        names = [keys.stream(stream_id), keys.stream_status(stream_id)]
        answer = await self._run(scripts.CLAIM(names, self.replica, self._lease_ms))
        if not answer:
            return None
        epoch, version, desired, restarts, spec, rights, status, request_id = answer
        parsed = parsed_spec(spec)
        if parsed is None:
            return None
        held = (stream_id, epoch, version, desired.decode(), restarts, parsed, began)
        return Lease(*held, load(rights), mapping(status), request_id=request_id.decode())

    async def renew(self, lease: Lease, report: dict[str, Any], over: str = "") -> bool:
        """Renew, leave the report, learn what is wanted. False: it is not ours any more."""
        return await self._renew(lease, report, self._lease_ms, over)

    async def release(self, lease: Lease, report: dict[str, Any]) -> None:
        """Give it up, so that another may take it at once."""
        await self._renew(lease, report, 0, "")

    async def write(
        self, lease: Lease, what: str, key: str, value: bytes, most: int, once: tuple[str, int] = ("", 0)
    ) -> bool:
        """Write a result. False when there is no room and nothing may be lost. Raises LeaseLost.

        ``once``: of a name and its growing numbers each is written once, whoever owned the stream meanwhile.
        """
        names = [keys.stream(lease.id), key]
        answer = await self._run(scripts.WRITE(names, self.replica, lease.epoch, what, value, most, *once))
        if answer == 0:
            raise LeaseLost("Another stream service owns the stream now, or it was terminated.")
        return bool(answer == 1)

    async def watched(self, stream_id: str) -> set[str]:
        """What clients watch of it now."""
        names = ("results", "preview")
        values = await self._ask(self._client.mget([keys.stream_watch(stream_id, name) for name in names]))
        return {name for name, value in zip(names, values, strict=True) if value}

    async def beat(self, load: Streamer | None) -> list[str]:
        """Say that this service is alive (None: that it leaves). Returns the ids of the live ones."""
        packed = pack(asdict(load)) if load is not None else b""
        call = scripts.BEAT([keys.STREAMERS, keys.streamer(self.replica)], self.replica, packed, BEAT_TTL_MS)
        return [one.decode() for one in await self._run(call)]

    async def wait(self, after: str, block_ms: int) -> str:
        """Wait until something about a stream changed. Returns the place to wait from next."""
        read: Any = await self._ask(self._client.xread({keys.STREAMS_WAKE: after}, count=100, block=block_ms))
        return read[0][1][-1][0].decode() if read else after

    async def next_probe(self, block_s: int) -> bytes | None:
        """A request to try sources, if one comes in time."""
        found: Any = await self._ask(self._client.blpop([keys.STREAM_PROBES], timeout=block_s))
        return found[1] if found else None

    async def _renew(self, lease: Lease, report: dict[str, Any], lease_ms: int, over: str) -> bool:
        began = time.monotonic()
        names = [keys.stream(lease.id), keys.stream_status(lease.id)]
        kept_ms = int(self._limits.stream_ended_ttl_s * 1000)
        answer = await self._run(scripts.RENEW(names, self.replica, lease.epoch, lease_ms, pack(report), over, kept_ms))
        if not answer:
            return False
        version, desired, restarts, spec, rights, idle_ms = answer
        if version != lease.version:
            lease.spec, lease.rights = parsed_spec(spec) or lease.spec, load(rights)
        lease.version, lease.desired, lease.restarts = version, desired.decode(), restarts
        lease.renewed, lease.idle_s = began, idle_ms / 1000
        return True

    async def _run(self, call: Call) -> Any:
        (answer,) = await self._ask(run_async(self._client, [call]))
        if isinstance(answer, RedisError):
            raise refusal(answer) from answer
        return answer

    async def _ask(self, question: Awaitable[T]) -> T:
        try:
            return await question
        except (RedisError, OSError) as error:
            raise refusal(error) from error


def parsed_spec(spec: bytes) -> PipelineSpec | None:
    """The specification, or None when this version of ours cannot read it."""
    try:
        return PipelineSpec.model_validate_json(spec)
    except ValidationError:
        return None
