"""MJPEG cameras, HLS and video files behind http:// and https://."""

from __future__ import annotations

from functools import partial
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from shared.streams.spec import SourceSpec
from stream_service.decoding import Input, VideoSource
from stream_service.guard import check_url
from stream_service.settings import StreamSettings
from stream_service.source import Source, SourceType

# A playlist may name other addresses; none of them becomes a file of the server.
PROTOCOLS = "http,https,tcp,tls,crypto"
FORMATS = "hls,mov,matroska,webm,avi,flv,mpegts,mpeg,mpjpeg,mjpeg,h264,hevc,asf,ogg,image2,jpeg_pipe,dash"
FILES = frozenset({".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".wmv", ".ogv"})


def accepts(reference: str | int) -> bool:
    """HTTP in the clear or over TLS."""
    return isinstance(reference, str) and reference.lower().startswith(("http://", "https://"))


def make(spec: SourceSpec, settings: StreamSettings) -> Source:
    """Whether it is live shows when it is opened: what knows its duration is a file."""
    url = str(spec.reference)
    options = {
        "protocol_whitelist": PROTOCOLS,
        "format_whitelist": FORMATS,
        "multiple_requests": "0",
        "reconnect": "0",
        "max_redirects": "0",  # nobody would look at where they lead
        "allowed_extensions": "ALL",
    }
    parts = urlsplit(url)
    if parts.scheme.lower() == "http":  # the URL that is opened has the address in place of the name
        options["headers"] = f"Host: {parts.netloc.rpartition('@')[2]}\r\n"
    return VideoSource(spec, settings, Input(url, options, check=partial(check_url, url, settings)))


def shareable(spec: SourceSpec) -> bool:
    """A video file is read for each stream anew, from its beginning."""
    return spec.mode == "live" or PurePosixPath(urlsplit(str(spec.reference)).path).suffix.lower() not in FILES


SOURCE = SourceType("http", accepts, make, shareable=shareable)
