"""Spans of OpenTelemetry, if they are wanted and installed. Off, every call is one comparison.

A process calls ``start`` once. What has a beginning and an end in one place uses ``begin``; what is only known when it
is over, as the stages of a job are, uses ``record``. Contexts travel as W3C's ``traceparent``.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import structlog

from shared.tracing.settings import TracingSettings

if TYPE_CHECKING:
    from opentelemetry.trace import Span as OtelSpan

    from shared.tracing.otel import Provider

log = structlog.get_logger(__name__)
Kind = Literal["server", "internal", "producer", "consumer", "client"]
Attributes = Mapping[str, str | int | float | bool]
_provider: Provider | None = None


class Span:
    """Something that goes on. ``traceparent`` makes others its children."""

    def __init__(self, provider: Provider, span: OtelSpan, traceparent: str) -> None:
        self._provider, self._span = provider, span
        self.traceparent = traceparent

    def end(self, attributes: Attributes | None = None, error: str = "", end_ns: int | None = None) -> None:
        """It is over, now or at ``end_ns``; ``error`` says that it went wrong, and how."""
        self._provider.end(self._span, attributes or {}, error, end_ns)


def start(settings: TracingSettings, service: str) -> None:
    """Begin to send spans, if the settings say so. Without the libraries that is told, and nothing is sent."""
    global _provider  # noqa: PLW0603 - one per process
    if not settings.tracing:
        return
    try:
        from shared.tracing.otel import Provider  # noqa: PLC0415 - an extra, imported when it is wanted
    except ModuleNotFoundError as missing:
        log.warning("tracing.not_installed", missing=missing.name, help="install the extra 'otel'")
        return
    _provider = Provider(settings, service)


def stop() -> None:
    """Send what is left; up to some seconds."""
    global _provider  # noqa: PLW0603 - one per process
    if _provider is not None:
        _provider.stop()
        _provider = None


def enabled() -> bool:
    """Whether spans are made."""
    return _provider is not None


def begin(
    name: str, parent: str, kind: Kind = "internal", attributes: Attributes | None = None, start_ns: int | None = None
) -> Span | None:
    """A span that begins now, or at ``start_ns`` (ns since the epoch); None when tracing is off.

    ``parent`` is a traceparent, or "" for the first of a trace.
    """
    if _provider is None:
        return None
    return Span(_provider, *_provider.begin(name, parent, kind, attributes or {}, start_ns))


def record(  # noqa: PLR0913 - what a span is made of
    name: str,
    parent: str,
    start_ns: int,
    end_ns: int,
    *,
    kind: Kind = "internal",
    attributes: Attributes | None = None,
    error: str = "",
) -> str:
    """A span that is over; returns its traceparent, or ``parent`` when tracing is off."""
    span = begin(name, parent, kind, attributes, start_ns)
    if span is None:
        return parent
    span.end(error=error, end_ns=end_ns)
    return span.traceparent


def ago_ns(milliseconds: float) -> int:
    """The time so many milliseconds ago, ns since the epoch."""
    return time.time_ns() - int(milliseconds * 1e6)


def of(trace: Mapping[str, Any]) -> str:
    """The traceparent of a job's trace, or ""."""
    return str(trace.get("traceparent", ""))
