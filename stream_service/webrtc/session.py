"""One WebRTC session: a peer connection, one source, and what runs on its frames.

client's track | camera's URL | uploaded file ──> lane (as in every stream) ──> video track and data channel
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Coroutine
from typing import Any

import structlog
from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCSessionDescription

from shared.errors import VisionfleetError
from shared.streams.offers import Offered
from shared.streams.spec import PipelineSpec, SourceSpec
from stream_service.camera import Camera
from stream_service.decoding import Input, VideoSource
from stream_service.figures import Figures
from stream_service.frame import Frame
from stream_service.lane import Lane
from stream_service.pipeline import Parts
from stream_service.processor import Outcome, Processor
from stream_service.subscription import Subscription
from stream_service.webrtc.messages import CLOCK, about, chunks, farewell, message
from stream_service.webrtc.outputs import data_of, outputs_of, picture_of
from stream_service.webrtc.tracks import Incoming, Outgoing
from stream_service.webrtc.upload import Upload

log = structlog.get_logger(__name__)
CONNECT_S = 30.0
CROWDED_BYTES = 4 * 2**20
"""Unsent bytes of the data channel above which live answers are left out and others wait."""
POLL_S = 0.1
FLUSH_S = 5.0
WINDOW, FILE_WINDOW = 2, 8
VIDEO_FORMATS = "mov,matroska,webm,avi,flv,mpegts,mpeg,mpegvideo,mjpeg,h264,hevc,ogg,gif,ivf,m4v"


class Session:
    """``answer`` once, then ``run`` until it is over; ``close`` ends it from outside."""

    def __init__(self, offered: Offered, parts: Parts) -> None:
        self.offer = offer = offered.spec
        self._rights = offered.rights
        self._created_ms = int(time.time() * 1000)
        self._parts = parts
        self._source = offer.source or SourceSpec(reference="webrtc", id="client")
        self._spec = PipelineSpec(
            sources=[self._source], model=offer.model, workflow=offer.workflow, max_fps=offer.max_fps, sinks=[]
        )
        servers = [RTCIceServer(one.urls, one.username, one.credential) for one in offer.ice_servers]
        self._peer = RTCPeerConnection(RTCConfiguration(iceServers=servers))
        self._track: Outgoing | None = None
        self._channel: Any = None
        self._upload: Upload | None = None
        self._lane: Lane | None = None
        self._camera: Any = None
        self._zero: float | None = None
        self._over, self._connected = asyncio.Event(), asyncio.Event()
        self._reason = "closed"
        self._tasks: set[asyncio.Task[Any]] = set()

    async def answer(self) -> dict[str, str]:
        """Take the offer. Raises VisionfleetError when its workflow, model or source will not do."""
        self._processor()  # says at once what is wrong with it
        self._peer.on("connectionstatechange", self._connection_changed)
        self._peer.on("track", self._take_track)
        self._peer.on("datachannel", self._take_channel)
        await self._peer.setRemoteDescription(RTCSessionDescription(self.offer.sdp, self.offer.type))
        if "m=video" in self.offer.sdp and self.offer.stream_output != []:
            self._track = Outgoing(every=not self.offer.realtime)
            self._peer.addTrack(self._track)
        await self._peer.setLocalDescription(await self._peer.createAnswer())
        made = self._peer.localDescription
        return {"sdp": made.sdp, "type": made.type}

    async def run(self) -> None:
        """Until the source ends, the client leaves, or time is up."""
        limit = min(self.offer.processing_timeout_s, self._parts.settings.stream_webrtc_timeout_s)
        try:
            await asyncio.wait_for(self._until_connected(), CONNECT_S)
            if self.offer.source is not None:
                self._start(self._subscription(), None)
            await asyncio.wait_for(self._until_over(), limit)
        except asyncio.TimeoutError:
            self._reason = "timeout"
        finally:
            await self._say_farewell()
            await self.end()

    def close(self, reason: str = "closed") -> None:
        """End it soon."""
        self._reason = reason
        self._over.set()

    def report(self) -> dict[str, Any]:
        """What clients see of it; see ``shared.streams.records.session_from``."""
        now = time.monotonic()
        model = self.offer.model
        return {
            "id": self.offer.id,
            "tenant": self._rights.owner,
            "created_ms": self._created_ms,
            "model": model.model_id if model is not None else "",
            "source": self._source.id,
            "reference": self._source.shown,
            "report": report_of(self._lane, now) if self._lane is not None else {"state": "connecting", "counts": {}},
        }

    async def _until_connected(self) -> None:
        over, connected = (asyncio.create_task(event.wait()) for event in (self._over, self._connected))
        try:
            await asyncio.wait([over, connected], return_when=asyncio.FIRST_COMPLETED)
        finally:
            over.cancel()
            connected.cancel()

    async def _until_over(self) -> None:
        while not self._over.is_set():
            if self._lane is not None and self._lane.over:
                self._reason = "source_ended"
                return
            await asyncio.sleep(POLL_S)

    async def _connection_changed(self) -> None:
        if self._peer.connectionState == "connected":
            self._connected.set()
        if self._peer.connectionState in ("failed", "closed"):
            self.close("peer_left")

    def _take_track(self, track: Any) -> None:
        if track.kind != "video" or self.offer.source is not None or self._lane is not None:
            return
        subscription = self._subscription()
        subscription.live = self.offer.realtime
        incoming = Incoming(subscription)
        self._start(subscription, incoming)
        self._spawn(incoming.read(track))

    def _take_channel(self, channel: Any) -> None:
        if channel.label == "video_upload":
            self._upload = Upload(self._parts.settings.stream_upload_mb * 2**20)
            channel.on("message", self._take_chunk)
        else:
            self._channel = channel
            channel.on("message", self._take_command)

    def _take_command(self, text: Any) -> None:
        try:
            command = json.loads(text)
        except (ValueError, TypeError):
            return
        for name in ("stream_output", "data_output"):
            value = command.get(name) if isinstance(command, dict) else None
            if isinstance(value, list) and all(isinstance(item, str) for item in value):
                setattr(self.offer, name, value)

    def _take_chunk(self, chunk: Any) -> None:
        upload = self._upload
        if upload is None or upload.complete or not isinstance(chunk, bytes):
            return
        try:
            upload.take(chunk)
        except VisionfleetError as error:
            log.info("webrtc.upload_refused", session=self.offer.id, code=error.code)
            self.close(error.code)
            return
        if upload.complete:
            self._play(upload)

    def _play(self, upload: Upload) -> None:
        """Process the uploaded file as any file: no frame is lost, unless it is to be played at its own speed."""
        spec = SourceSpec(id="upload", reference="upload", realtime=self.offer.realtime)
        given = Input(
            f"file:{upload.path}", {"protocol_whitelist": "file", "format_whitelist": VIDEO_FORMATS}, live=False
        )
        settings = self._parts.settings
        camera = Camera(lambda: VideoSource(spec, settings, given), "upload", settings, reconnects=False)
        subscription = Subscription(spec, self.offer.max_fps, 0)
        subscription.live = False
        self._start(subscription, camera)
        camera.add(subscription)
        camera.start()

    def _processor(self) -> Processor:
        return self._parts.processor(self._spec, self._source, self.offer.id, self._rights)

    def _subscription(self) -> Subscription:
        return Subscription(self._source, self._spec.fps_of(self._source), 0)

    def _start(self, subscription: Subscription, camera: Any) -> None:
        """The lane of the session's one source; without a camera the hub opens it."""
        processor = self._processor()
        processor.live = subscription.live
        self._camera = camera if camera is not None else self._parts.hub.join(subscription)
        self._lane = Lane(subscription, self._camera, processor, Figures(), self._emit)
        self._lane.window = WINDOW if self.offer.realtime else FILE_WINDOW
        self._lane.turns = self._parts.turns.of(self._spec)
        self._lane.start()

    async def _emit(self, frame: Frame, outcome: Outcome, _age_ms: float) -> None:
        pts = self._pts(frame)
        outputs = outputs_of(outcome)
        if self._track is not None:
            wanted = self.offer.stream_output
            await self._track.show(await asyncio.to_thread(picture_of, outputs, wanted, frame), pts)
        if self._channel is not None and self._channel.readyState == "open":
            errors = [str((outcome.error or {}).get("message", outcome.cause))] if outcome.cause else []
            data = data_of(outputs, self.offer.data_output)
            metadata = about(frame, pts, self.offer.declared_fps, self._camera.report(time.monotonic())["fps"])
            await self._send(frame.number, await asyncio.to_thread(message, data, metadata, errors))

    def _pts(self, frame: Frame) -> int:
        """90 kHz since the first frame: the client's decoder counts from there too, so that both can be paired."""
        moment = frame.captured if self.offer.realtime or frame.pts_s is None else frame.pts_s
        if self._zero is None:
            self._zero = moment
        return max(0, round((moment - self._zero) * CLOCK))

    async def _send(self, number: int, payload: bytes) -> None:
        channel = self._channel
        while channel.bufferedAmount > CROWDED_BYTES:
            if self.offer.realtime or self._over.is_set():
                return
            await asyncio.sleep(0.01)
        for chunk in chunks(number, payload):
            channel.send(chunk)

    async def _say_farewell(self) -> None:
        channel = self._channel
        if channel is None or channel.readyState != "open":
            return
        for chunk in chunks(0, farewell(self._reason)):
            channel.send(chunk)
        for _ in range(round(FLUSH_S / POLL_S)):  # the library has no event for an empty buffer
            if not channel.bufferedAmount or channel.readyState != "open":
                return
            await asyncio.sleep(POLL_S)

    async def end(self) -> None:
        """Let go of everything; ``run`` does so by itself."""
        lane, camera = self._lane, self._camera
        if lane is not None:
            if isinstance(camera, Camera) and self.offer.source is not None:
                self._parts.hub.leave(lane.subscription, camera)
            else:
                lane.subscription.close()
                if isinstance(camera, Camera):
                    camera.stop()
            await lane.stop()
        for task in self._tasks:
            task.cancel()
        if self._track is not None:
            self._track.stop()
        await self._peer.close()
        if self._upload is not None:
            self._upload.close()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def report_of(lane: Lane, now: float) -> dict[str, Any]:
    """As a stream's report of a source."""
    return {**lane.report(now), "counts": {**lane.subscription.counts, **lane.figures.counts}}
