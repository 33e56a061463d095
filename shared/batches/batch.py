"""A batch, as Redis holds it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, cast

from shared.codec import unpack
from shared.errors import NotFound
from shared.jobs import TERMINAL_STATES

SourceKind = Literal["urls", "files", "zip", "folder", "video"]
State = Literal["queued", "running", "succeeded", "failed", "canceled"]


class BatchNotFound(NotFound):
    """There is no batch with this id: it was never accepted, or its record expired."""

    code = "batch_not_found"


@dataclass
class Batch:
    """A request for many images. Times are ms since the epoch, by Redis's clock; ``rate`` is images per second.

    ``total`` is None until it is known. ``ended`` counts images with a result, ``failed`` those among them without an
    output. ``source`` is {kind, ...}: ``path`` of a folder or video, ``every`` (frames) of a video, ``uploaded``.
    ``claim`` is the token of the splitter that has it now; ``owner`` is whose jobs it makes.
    """

    id: str
    model: str
    source: dict[str, Any]
    hardware: str = "any"
    params: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    timeout_ms: int = 3_600_000
    result_ttl_ms: int = 86_400_000
    state: State = "queued"
    created_ms: int = 0
    started_ms: int | None = None
    finished_ms: int | None = None
    total: int | None = None
    cursor: int = 0
    ended: int = 0
    failed: int = 0
    rate: float = 0.0
    attempt: int = 0
    claim: str = ""
    owner: str = ""
    error: dict[str, Any] | None = None

    @property
    def done(self) -> bool:
        """Whether the state is terminal."""
        return self.state in TERMINAL_STATES

    @property
    def kind(self) -> SourceKind:
        """Where its images come from."""
        return cast("SourceKind", self.source["kind"])

    @property
    def eta_s(self) -> float | None:
        """Seconds until it is over at its present rate; None when nobody can tell."""
        if self.done or self.total is None or self.rate <= 0:
            return None
        return (self.total - self.ended) / self.rate

    def job_id(self, index: int) -> str:
        """Id of the job for one image; the same in every attempt to split the batch."""
        return f"{self.id}-{index}"


PACKED = ("source", "params", "metadata")
TIMES = ("timeout_ms", "result_ttl_ms", "created_ms", "started_ms", "finished_ms")
NUMBERS = (*TIMES, "total", "cursor", "ended", "failed", "attempt")


def batch_from(batch_id: str, flat: list[bytes] | dict[bytes, bytes]) -> Batch:
    """The batch of a hash in Redis. Raises BatchNotFound when the hash is empty."""
    raw = flat if isinstance(flat, dict) else dict(zip(flat[::2], flat[1::2], strict=True))
    fields = {name.decode(): value for name, value in raw.items()}
    if "state" not in fields:
        raise BatchNotFound("There is no batch with this id: it was never accepted, or its record expired.")
    packed = {name: unpack(fields[name]) for name in PACKED}
    numbers = {name: int(fields[name]) for name in NUMBERS if name in fields}
    texts = {name: fields[name].decode() for name in ("model", "hardware", "state", "claim", "owner") if name in fields}
    error = unpack(fields["error"]) if fields.get("error") else None
    return Batch(
        id=batch_id,
        rate=float(fields.get("rate", 0)),
        error=error,
        **packed,
        **cast("Any", numbers),
        **cast("Any", texts),
    )
