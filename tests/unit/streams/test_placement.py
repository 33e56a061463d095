"""Who takes up a stream: whoever has its cameras open, else the least loaded; anybody after a while."""

from __future__ import annotations

from shared.streams.records import Stream, Streamer
from shared.streams.spec import PipelineSpec
from stream_service.hub import key_of
from stream_service.placement import PATIENCE_S, takes

SPEC = PipelineSpec.model_validate({"sources": [{"reference": "rtsp://cam/1"}]})
STREAM = Stream("s", SPEC, "running", 1, 0, "", 0, 0)


def service(name: str, sources: int, *, room: int = 8, keys: list[str] | None = None) -> Streamer:
    return Streamer(name, sources=sources, max_sources=sources + room, keys=keys or [])


def test_the_least_loaded_takes_it_and_only_that_one() -> None:
    idle, busy = service("a", 1), service("b", 5)
    assert takes(STREAM, idle, [busy], 0)
    assert not takes(STREAM, busy, [idle], 0)


def test_an_open_camera_is_shared() -> None:
    holder = service("b", 5, keys=[key_of(SPEC.sources[0])])
    assert takes(STREAM, holder, [service("a", 0)], 0)
    assert not takes(STREAM, service("a", 0), [holder], 0)


def test_equals_agree_on_one() -> None:
    assert takes(STREAM, service("a", 1), [service("b", 1)], 0)
    assert not takes(STREAM, service("b", 1), [service("a", 1)], 0)


def test_nobody_waits_for_ever_for_the_preferred_one() -> None:
    assert takes(STREAM, service("b", 5), [service("a", 0)], PATIENCE_S)


def test_a_full_service_takes_nothing() -> None:
    full = service("a", 4, room=0)
    assert not takes(STREAM, full, [], PATIENCE_S)
    assert takes(STREAM, service("b", 9), [full], 0)


def test_streams_that_read_differently_do_not_share() -> None:
    other = SPEC.sources[0].model_copy(update={"keyframes_only": True})
    rate = SPEC.sources[0].model_copy(update={"max_fps": 5.0, "id": "x"})
    assert key_of(other) != key_of(SPEC.sources[0]) == key_of(rate)
