"""Structured logging: one JSON object per line for machines, or coloured lines for people."""

from __future__ import annotations

import logging
import sys

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger
from typing_extensions import override

from shared.redaction import redacted
from shared.settings import LogSettings


class Formatter(structlog.stdlib.ProcessorFormatter):
    """Takes secrets out of the finished line, whoever wrote it."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        return redacted(super().format(record))


class _Named:
    """Names the service in every line, also in those of threads, which inherit no context."""

    def __init__(self, service: str) -> None:
        self._service = service

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event.setdefault("service", self._service)
        return event


def configure(settings: LogSettings, service: str) -> None:
    """Send our logs and those of our libraries to stderr in one format, each line marked with the service's name."""
    shared_processors: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        _Named(service),
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderer: Processor = (
        structlog.processors.JSONRenderer()
        if settings.log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[*shared_processors, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        Formatter(
            foreign_pre_chain=shared_processors,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(handlers=[handler], level=settings.log_level.upper(), force=True)
