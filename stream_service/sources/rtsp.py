"""IP cameras: rtsp:// and rtsps://."""

from __future__ import annotations

from functools import partial

from shared.streams.spec import SourceSpec
from stream_service.decoding import Input, VideoSource
from stream_service.guard import check_url
from stream_service.settings import StreamSettings
from stream_service.source import Source, SourceType

PROTOCOLS = "rtsp,rtsps,rtp,srtp,tcp,udp,tls,crypto"


def accepts(reference: str | int) -> bool:
    """RTSP in the clear or over TLS."""
    return isinstance(reference, str) and reference.lower().startswith(("rtsp://", "rtsps://"))


def make(spec: SourceSpec, settings: StreamSettings) -> Source:
    """TCP unless asked otherwise: UDP loses packets, and a lost packet smears until the next keyframe."""
    url = str(spec.reference)
    options = {
        "rtsp_transport": spec.transport,
        "fflags": "discardcorrupt",  # nobuffer would drop the keyframe that probing read: 0.8 s later (measured)
        "flags": "low_delay",
        "protocol_whitelist": PROTOCOLS,
        "allowed_media_types": "video",
    }
    return VideoSource(
        spec, settings, Input(url, options, live=True, quick=True, check=partial(check_url, url, settings))
    )


SOURCE = SourceType("rtsp", accepts, make)
