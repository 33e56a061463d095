"""MPEG-TS and RTP pushed to us or pulled: udp://, rtp://, srt://, tcp://."""

from __future__ import annotations

from functools import partial

from shared.streams.spec import SourceSpec
from stream_service.decoding import Input, VideoSource
from stream_service.guard import check_url
from stream_service.settings import StreamSettings
from stream_service.source import Source, SourceType

PROTOCOLS = "udp,rtp,srt,tcp"


def accepts(reference: str | int) -> bool:
    """Raw transports."""
    return isinstance(reference, str) and reference.lower().startswith(("udp://", "rtp://", "srt://", "tcp://"))


def make(spec: SourceSpec, settings: StreamSettings) -> Source:
    """``udp://0.0.0.0:5000`` listens; its address is ours, so only what connects is checked."""
    url = str(spec.reference)
    listens = url.lower().startswith(("udp://", "rtp://"))
    options = {
        "protocol_whitelist": PROTOCOLS,
        "format_whitelist": "mpegts,rtp,h264,hevc,flv,matroska",
        "fflags": "discardcorrupt",
        "overrun_nonfatal": "1",
        "fifo_size": "50000",
        "timeout": str(int(spec.read_timeout_s * 1e6)),
    }
    check = (lambda: None) if listens else partial(check_url, url, settings)
    return VideoSource(spec, settings, Input(url, options, live=True, check=check))


SOURCE = SourceType("udp", accepts, make)
