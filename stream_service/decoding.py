"""Video through PyAV: what RTSP, HTTP, UDP and files have in common."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import av
import av.error
import numpy as np
from av.codec.context import Flags
from typing_extensions import override

from shared.errors import (
    SourceError,
    SourceNotFound,
    SourceUnauthorized,
    SourceUnreachable,
    SourceUnsupported,
)
from shared.streams.spec import SourceSpec
from stream_service.picture import ArrayPicture, Picture, VideoPicture
from stream_service.settings import StreamSettings
from stream_service.source import Captured, Source, SourceInfo

MOST_PIXELS = 64 * 2**20
FEW_FPS = 1000.0
"""A declared rate above this is a time base mistaken for a rate."""
UNKNOWN_FPS = 30.0
QUICK = {"probesize": "100000", "analyzeduration": "100000"}
"""Opening takes 0.2 s instead of 1 s (measured); when no size is found in that little, it is done again at length."""


@dataclass(frozen=True)
class Input:
    """What to open and how. ``live`` None: decided by whether the container knows its duration.

    ``check`` is called before every opening; it may raise SourceError, and give another URL to open.
    """

    url: str
    options: Mapping[str, str] = field(default_factory=dict)
    live: bool | None = None
    quick: bool = False
    check: Callable[[], str | None] = lambda: None


class VideoSource(Source):
    """Frames of the first video track."""

    def __init__(self, spec: SourceSpec, settings: StreamSettings, given: Input) -> None:
        self._spec = spec
        self._settings = settings
        self._input = given
        self._url = given.url
        self._container: Any = None
        self._frames: Iterator[Captured] = iter(())
        self._began = 0.0

    @override
    def open(self) -> SourceInfo:
        self._url = self._input.check() or self._input.url
        self._container = self._open({**QUICK, **self._input.options} if self._input.quick else self._input.options)
        if self._input.quick and not self._sized():
            self.close()
            self._container = self._open(self._input.options)
        stream = self._stream()
        if stream.codec_context.width * stream.codec_context.height > MOST_PIXELS:
            raise SourceUnsupported(f"The frames have more than {MOST_PIXELS} pixels.")
        info = self._info(stream)
        if info.ends and (self._container.duration or 0) / av.time_base > self._settings.max_video_s:
            raise self._too_long()
        self._prepare(stream, info)
        self._frames = self._decoded(stream, info)
        self._began = time.monotonic()
        return info

    @override
    def read(self) -> Captured | None:
        try:
            return next(self._frames, None)
        except av.error.EOFError:
            return None
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise typed(error) from None

    @override
    def close(self) -> None:
        container, self._container, self._frames = self._container, None, iter(())
        if container is not None:
            container.close()

    def _open(self, options: Mapping[str, str]) -> Any:
        spec = self._spec
        try:
            return av.open(
                self._url,
                options=dict(options),
                timeout=(spec.open_timeout_s, spec.read_timeout_s),
                metadata_errors="ignore",
            )
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise typed(error) from None

    def _sized(self) -> bool:
        videos = self._container.streams.video
        return bool(videos and videos[0].codec_context.width)

    def _stream(self) -> Any:
        videos = self._container.streams.video
        if not videos:
            raise SourceUnsupported("The source has no video track.")
        if videos[0].codec_context is None:
            raise SourceUnsupported("The source's video codec is not supported.")
        return videos[0]

    def _info(self, stream: Any) -> SourceInfo:
        live = self._input.live
        if live is None:
            live = not (self._container.duration or stream.duration)
        live, ends = (
            (self._spec.mode == "live", self._spec.mode == "file") if self._spec.mode != "auto" else (live, not live)
        )
        rate = float(stream.average_rate or stream.guessed_rate or 0)
        context = stream.codec_context
        return SourceInfo(
            width=context.width or None,
            height=context.height or None,
            fps=rate if 0 < rate < FEW_FPS else None,
            live=live or self._spec.realtime,
            ends=ends and not self._spec.loop,
            total_frames=(stream.frames or None) if ends else None,
            codec=context.name,
        )

    def _prepare(self, stream: Any, info: SourceInfo) -> None:
        context = stream.codec_context
        context.thread_type = "SLICE" if info.live else "AUTO"  # frame threads hold back one frame each (measured)
        context.thread_count = self._settings.stream_decode_threads
        if self._spec.keyframes_only:
            context.skip_frame = "NONKEY"
        if info.live:
            context.flags |= Flags.low_delay

    def _decoded(self, stream: Any, info: SourceInfo) -> Iterator[Captured]:
        offset = 0.0
        while True:
            last = 0.0
            for frame, arrived in self._frames_of(stream, offset):
                pts_s = None if frame.time is None else float(frame.time) + offset
                last = last + 1 / (info.fps or UNKNOWN_FPS) if pts_s is None else pts_s
                if info.ends and last > self._settings.max_video_s:  # whatever its head said
                    raise self._too_long()
                paced = self._spec.realtime and not self._input.live
                yield Captured(turned(frame), self._pace(pts_s, arrived) if paced else arrived, pts_s)
            if not self._spec.loop or self._input.live or not info.fps:
                return
            offset = last + 1 / info.fps
            self._container.seek(0)

    def _frames_of(self, stream: Any, offset: float) -> Iterator[tuple[Any, float]]:
        for packet in self._container.demux(stream):
            arrived = time.monotonic()
            if packet.size:
                self.packets(packet, arrived, offset)
            try:
                frames = packet.decode()
            except av.error.InvalidDataError:
                continue  # one damaged packet; the decoder goes on with the next
            for frame in frames:
                if not frame.is_corrupt:
                    yield frame, arrived

    def _too_long(self) -> SourceUnsupported:
        most = self._settings.max_video_s
        return SourceUnsupported(f"The video is longer than {most:g} s, the most taken (VISIONFLEET_MAX_VIDEO_S).")

    def _pace(self, pts_s: float | None, arrived: float) -> float:
        """Wait until the file's own clock has come to the frame. Returns that moment."""
        due = self._began + (pts_s or 0.0)
        while (left := due - time.monotonic()) > 0 and self._container is not None:
            time.sleep(min(left, 0.1))
        return max(due, arrived)


def turned(frame: Any) -> Picture:
    """The frame as it is to be seen: phones write a rotation beside the video."""
    quarter_turns = round(getattr(frame, "rotation", 0) / 90) % 4
    if not quarter_turns:
        return VideoPicture(frame)
    return ArrayPicture(np.ascontiguousarray(np.rot90(frame.to_ndarray(format="bgr24"), quarter_turns)))


def typed(error: Exception) -> SourceError:
    """What a failure of FFmpeg's means to the user; its own words may hold credentials and are left out."""
    if isinstance(error, (av.error.HTTPUnauthorizedError, av.error.HTTPForbiddenError)):
        return SourceUnauthorized(
            "The source refuses the user name or password (in the URL: rtsp://user:password@...)."
        )
    if isinstance(error, (av.error.HTTPNotFoundError, av.error.FileNotFoundError, FileNotFoundError)):
        return SourceNotFound("The source's host answers, but has no video under that path.")
    if isinstance(error, (av.error.ExitError, TimeoutError)):
        return SourceUnreachable("The source did not answer in time.")
    if isinstance(error, (av.error.ConnectionRefusedError, ConnectionRefusedError)):
        return SourceUnreachable("The source's host refuses the connection; is the camera on, and the port right?")
    unsupported = (
        *(av.error.InvalidDataError, av.error.DemuxerNotFoundError, av.error.ProtocolNotFoundError),
        *(
            av.error.DecoderNotFoundError,
            av.error.HTTPClientError,
            av.error.PatchWelcomeError,
        ),
    )
    if isinstance(error, (*unsupported, ValueError)) and not isinstance(error, OSError):
        return SourceUnsupported("The source is no video that is read, or of a format or transport not supported.")
    return SourceUnreachable("The source cannot be reached, or the connection broke off.")
