"""Which stream service takes up a stream that nobody owns. All decide for themselves, by the same rule."""

from __future__ import annotations

from collections.abc import Sequence

from shared.streams.records import Stream, Streamer
from stream_service.hub import key_of

PATIENCE_S = 2.0
"""How long the preferred service gets before anybody else takes the stream."""


def takes(stream: Stream, me: Streamer, others: Sequence[Streamer], waited_s: float) -> bool:
    """Whether this service should try to own the stream, which it has seen unowned for ``waited_s`` seconds.

    Preferred is who has the stream's cameras open already, then who reads the fewest sources.
    """
    need = len(stream.spec.sources)
    if me.room < need:
        return False
    if waited_s >= PATIENCE_S:
        return True
    wanted = {key_of(source) for source in stream.spec.sources}
    able = [one for one in (me, *others) if one.room >= need]
    best = min(able, key=lambda one: (-len(wanted & set(one.keys)), one.sources, one.id))
    return best.id == me.id
