"""Recordings by copy: packets as they came, in fragmented MP4, which plays up to the last fragment after any crash."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av

from stream_service.packets import Format, Packet

FRAGMENT_US = "1000000"
IN_MP4 = frozenset({"h264", "hevc", "av1", "vp9", "mpeg4", "mjpeg"})


def suffix_of(form: Format) -> str:
    """Of a file for that codec."""
    return ".mp4" if form.codec in IN_MP4 else ".mkv"


class Clip:
    """One file; its first packet must be a key frame, and its time is 0."""

    def __init__(self, path: Path, first: Packet) -> None:
        self.path, self.format, self.first = path, first.format, first
        options = {"flush_packets": "1"}
        if path.suffix == ".mp4":
            options |= {"movflags": "frag_keyframe+empty_moov+default_base_moof", "frag_duration": FRAGMENT_US}
        self._container = av.open(str(path), "w", "mp4" if path.suffix == ".mp4" else "matroska", options=options)
        self._stream: Any = self._container.add_stream_from_template(first.format.template, opaque=True)
        self._zero: int | None = None
        self._last = -1

    def add(self, packet: Packet) -> None:
        """Append one. Times that a camera leaves out are those of arrival; times that go back are moved."""
        since = round((packet.arrived - self.first.arrived) / packet.time_base)
        given = packet.dts if packet.dts is not None else packet.pts
        if given is not None and self._zero is None:
            self._zero = given - since if packet is not self.first else given
        dts = max(self._last + 1, since if given is None or self._zero is None else given - self._zero)
        self._last = dts
        made = av.Packet(packet.data)
        made.stream, made.time_base, made.is_keyframe = self._stream, packet.time_base, packet.key
        delay = packet.pts - given if packet.pts is not None and given is not None else 0
        made.dts, made.pts = dts, dts + max(0, delay)
        self._container.mux(made)

    def close(self) -> None:
        """Finish the file."""
        self._container.close()
