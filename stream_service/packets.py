"""Encoded video as the camera sent it: copied beside the decoder, kept from key frame to key frame, for recordings.

Copying costs next to nothing (no decoding, no encoding), and only while a recording wants it.
"""

from __future__ import annotations

import io
import re
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av

HEAD_BYTES = 4096
"""Where parameter sets are looked for: they come before the picture."""
START_CODE = re.compile(b"\x00\x00\x01")
PARAMETER_SETS = {"h264": (0x1F, 0, frozenset({7, 8})), "hevc": (0x7E, 1, frozenset({32, 33, 34}))}
"""By codec: mask and shift of a NAL unit's type in its first byte, and the types that are parameter sets."""


@dataclass(frozen=True)
class Format:
    """What a file must know of the packets in it. ``template`` is a stream of PyAV's that nobody writes to."""

    codec: str
    template: Any
    sets: bytes = b""


@dataclass(frozen=True)
class Packet:
    """One encoded picture.

    Attributes:
        pts, dts: in units of ``time_base``; None when the camera gave none.
        arrived: monotonic seconds; ``arrived_at`` the same moment in UTC.
        pts_s: the source's own time in seconds, comparable with a frame's.
    """

    data: bytes
    pts: int | None
    dts: int | None
    time_base: Fraction
    key: bool
    arrived: float
    arrived_at: float
    pts_s: float | None
    format: Format


class Tee:
    """Copies the packets of one connection to who records; notices when the camera changes its format meanwhile."""

    def __init__(self, taps: Callable[[], list[Ring]]) -> None:
        self._taps = taps
        self._format: Format | None = None

    def __call__(self, packet: Any, arrived: float, offset_s: float) -> None:
        """One packet of PyAV; nothing is copied when nobody records."""
        taps = self._taps()
        if taps:
            copied = self._copied(packet, arrived, offset_s)
            for tap in taps:
                tap.offer(copied)

    def _copied(self, packet: Any, arrived: float, offset_s: float) -> Packet:
        data = bytes(packet)
        form = self._format or described(packet.stream)
        if packet.is_keyframe:
            form = renewed(form, data)
        self._format = form
        pts_s = None if packet.pts is None else float(packet.pts * packet.time_base) + offset_s
        at = time.time() - (time.monotonic() - arrived)
        key, base = bool(packet.is_keyframe), packet.time_base
        return Packet(data, packet.pts, packet.dts, base, key, arrived, at, pts_s, form)


class Ring:
    """The last packets of one source, beginning with a key frame. For any threads.

    Over ``max_bytes`` the oldest pictures go, up to the next key frame, and are counted in ``dropped``.
    """

    def __init__(self, max_bytes: int) -> None:
        self.received = 0
        self.dropped = 0
        self._max_bytes = max_bytes
        self._bytes = 0
        self._broken = True  # what follows cannot be decoded until the next key frame
        self._packets: deque[Packet] = deque()
        self._lock = threading.Lock()

    def offer(self, packet: Packet) -> None:
        """Append one."""
        with self._lock:
            self.received += 1
            if self._broken and not packet.key:
                return
            self._broken = False
            self._packets.append(packet)
            self._bytes += len(packet.data)
            while self._bytes > self._max_bytes and self._packets:
                self.dropped += self._drop_first()
                self._broken = not self._packets

    def head(self) -> Packet | None:
        """The oldest one, which stays."""
        with self._lock:
            return self._packets[0] if self._packets else None

    def pop(self, packet: Packet) -> bool:
        """Take out the oldest one if it is this one still."""
        with self._lock:
            if not self._packets or self._packets[0] is not packet:
                return False
            self._packets.popleft()
            self._bytes -= len(packet.data)
            return True

    def trim(self, before_s: float, *, live: bool) -> None:
        """Forget what is not needed to show the moment ``before_s`` and all after it."""
        with self._lock:
            keys = [moment(packet, live=live) for packet in self._packets if packet.key]
            for _ in range(sum(key <= before_s for key in keys[1:])):
                self._drop_first()

    def _drop_first(self) -> int:
        count = 0
        while self._packets and (count == 0 or not self._packets[0].key):
            self._bytes -= len(self._packets.popleft().data)
            count += 1
        return count


def moment(packet: Packet, *, live: bool) -> float:
    """Seconds on the clock that a recording goes by: of arrival for cameras, the file's own for files."""
    return packet.arrived if live or packet.pts_s is None else packet.pts_s


def described(stream: Any) -> Format:
    """The format that the connection was opened with."""
    context = stream.codec_context
    return Format(context.name, kept(stream), parameter_sets(context.name, context.extradata or b""))


def renewed(form: Format, key: bytes) -> Format:
    """The format of a key frame: another one when it brings other parameter sets."""
    sets = parameter_sets(form.codec, key)
    if not sets or sets == form.sets:
        return form
    with av.open(io.BytesIO(key), format=form.codec) as one:
        return Format(form.codec, kept(one.streams.video[0]), sets)


def kept(stream: Any) -> Any:
    """The stream's description in a container of its own, so that it outlives the connection."""
    holder = av.open(io.BytesIO(), "w", "matroska")
    return holder.add_stream_from_template(stream, opaque=True)


def parameter_sets(codec: str, data: bytes) -> bytes:
    """The parameter sets at the head of an access unit with start codes (Annex B of H.264 and HEVC), joined."""
    known = PARAMETER_SETS.get(codec)
    if known is None or not data.startswith((b"\x00\x00\x01", b"\x00\x00\x00\x01")):
        return b""
    mask, shift, types = known
    units = [unit.rstrip(b"\x00") for unit in START_CODE.split(data[:HEAD_BYTES])]
    return b"\x00\x00\x01".join(unit for unit in units if unit and (unit[0] & mask) >> shift in types)
