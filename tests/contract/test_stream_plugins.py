"""Every source and sink of the folders keeps its contract."""

from __future__ import annotations

import pytest

from stream_service import sink, source
from stream_service.sink import Sink, SinkOptions
from stream_service.source import SourceType

SINKS = sink.registry()
SOURCES = source.registry()


@pytest.mark.parametrize("kind", list(SINKS), ids=lambda kind: kind.NAME)
def test_a_sink_describes_each_option(kind: type[Sink]) -> None:
    assert issubclass(kind.Options, SinkOptions)
    assert [name for name, field in kind.Options.model_fields.items() if len(field.description or "") < 5] == []
    assert kind.Options.model_config.get("extra") == "forbid"
    assert kind.queue >= 1


@pytest.mark.parametrize("kind", list(SOURCES), ids=lambda kind: kind.name)
def test_a_source_refuses_what_is_another_kind(kind: SourceType) -> None:
    assert not kind.accepts("gopher://example.com/x")
    assert not kind.accepts(-1)


def test_nothing_is_missing() -> None:
    assert SINKS.unavailable == {}
    assert SOURCES.unavailable == {}
    assert "buffer" in SINKS.names()
