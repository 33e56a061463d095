"""A WebRTC session with a real peer on loopback."""

from __future__ import annotations

import asyncio
import gzip
import json
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

pytest.importorskip("aiortc", reason="WebRTC needs Python 3.11 or newer")

import av
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription, VideoStreamTrack
from aiortc.mediastreams import MediaStreamError

from shared.access.rights import EVERYTHING, Rights
from shared.fleet.state import Fleet
from shared.streams.offers import Offered, OfferSpec
from shared.streams.spec import ModelSpec, PipelineSpec, SourceSpec
from stream_service import sink
from stream_service.frame import Frame
from stream_service.hub import Hub
from stream_service.pipeline import Parts
from stream_service.processor import Outcome, Processor
from stream_service.settings import StreamSettings
from stream_service.turns import Crowd
from stream_service.webrtc.session import Session
from tests.cameras import film
from tests.cameras.camera import Camera
from tests.streams.results import answer, box, until

pytestmark = [
    pytest.mark.integration,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of aiortc's own libraries
]


class Numbers(Processor):
    """Answers with the number that the frame's bar code shows."""

    @override
    async def begin(self, frame: Frame) -> Outcome:
        number = film.number_of(frame.picture.bgr())
        return Outcome(predictions={**answer(box()), "number": number})


def parts(**settings: Any) -> Parts:
    made = StreamSettings(stream_allow_loopback=True, **settings)

    def processor(spec: PipelineSpec, source: SourceSpec, stream_id: str, rights: Rights) -> Processor:
        del source, stream_id, rights
        assert spec.model is not None
        return Numbers()

    async def fleet() -> Fleet:
        return Fleet()

    return Parts(Hub(made), made, sink.registry(), processor, Crowd(fleet))


class Film(VideoStreamTrack):
    """Plays the test film."""

    @override
    async def recv(self) -> av.VideoFrame:
        pts, base = await self.next_timestamp()
        frame = av.VideoFrame.from_ndarray(film.picture(pts // 3000 % 120, 320, 180, 120), format="bgr24")
        frame.pts, frame.time_base = pts, Fraction(base)
        return frame


class Client:
    """The other side."""

    def __init__(self) -> None:
        self.peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.messages: list[dict[str, Any]] = []
        self.pictures: list[av.VideoFrame] = []
        self._parts: dict[int, list[bytes]] = {}
        self.channel = self.peer.createDataChannel("inference")
        self.channel.on("message", self._take)
        self.peer.on("track", self._watch)

    def _take(self, chunk: bytes) -> None:
        number, _, count = struct.unpack("<III", chunk[:12])
        parts = self._parts.setdefault(number, [])
        parts.append(chunk[12:])
        if len(parts) == count:
            body = b"".join(self._parts.pop(number))
            self.messages.append(json.loads(gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body))

    def _watch(self, track: Any) -> None:
        async def read() -> None:
            with suppress(MediaStreamError):  # its end
                while True:
                    self.pictures.append(await track.recv())

        self._task = asyncio.create_task(read())


@asynccontextmanager
async def session(client: Client, made: Parts, **offer: Any) -> AsyncIterator[asyncio.Task[None]]:
    await client.peer.setLocalDescription(await client.peer.createOffer())
    sdp = client.peer.localDescription.sdp
    offered = Offered(OfferSpec(sdp=sdp, model=ModelSpec(model_id="m"), **offer), EVERYTHING)
    running = Session(offered, made)
    said = await running.answer()
    await client.peer.setRemoteDescription(RTCSessionDescription(**said))
    task = asyncio.create_task(running.run())
    try:
        yield task
    finally:
        await client.peer.close()
        running.close()
        await asyncio.wait([task], timeout=15)
        made.hub.close()
        assert task.done()


async def test_a_clients_track_comes_back_as_video_and_data_that_pair_by_time() -> None:
    client = Client()
    client.peer.addTrack(Film())
    async with session(client, parts(), data_output=["predictions"]):
        await until(lambda: len(client.messages) > 20 and len(client.pictures) > 10, 25)
    found = [one["serialized_output_data"]["predictions"] for one in client.messages]
    assert found[0]["predictions"][0]["class"] == "circle"
    numbers = [one["number"] for one in found]
    assert len(set(numbers)) > 10
    times = {one["video_metadata"]["pts"] for one in client.messages}
    paired = [picture for picture in client.pictures if min(abs(picture.pts - pts) for pts in times) < 100]
    assert len(paired) >= len(client.pictures) - 2


async def test_a_camera_behind_the_server_is_shown_to_who_only_watches() -> None:
    client = Client()
    client.peer.addTransceiver("video", direction="recvonly")
    with Camera(size=(320, 180)) as camera:
        source = SourceSpec(id="0", reference=camera.url)
        async with session(client, parts(), source=source, data_output=["*"]) as task:
            await until(lambda: len(client.messages) > 5 and len(client.pictures) > 5, 25)
            client.channel.send(json.dumps({"data_output": []}))
            await until(lambda: client.messages[-1]["serialized_output_data"] is None, 10)
            assert not task.done()


async def test_an_uploaded_file_is_processed_to_its_last_frame(tmp_path: Path) -> None:
    video = film.write(tmp_path / "film.mp4", 40, (320, 180)).read_bytes()
    client = Client()
    upload = client.peer.createDataChannel("video_upload")
    async with session(client, parts(), realtime=False, stream_output=[], data_output=["predictions"]) as task:
        await until(lambda: upload.readyState == "open", 20)
        pieces = [video[at : at + 10_000] for at in range(0, len(video), 10_000)]
        for index, piece in enumerate(pieces):
            upload.send(struct.pack("<II", index, len(pieces)) + piece)
        await until(lambda: bool(client.messages) and client.messages[-1]["processing_complete"], 25)
        await asyncio.wait([task], timeout=15)
    frames = [one["serialized_output_data"]["predictions"]["number"] for one in client.messages[:-1]]
    assert frames == list(range(40))
    assert client.messages[-1]["termination_reason"] == "source_ended"


async def test_the_session_ends_when_its_time_is_up_and_when_the_client_leaves() -> None:
    client = Client()
    client.peer.addTrack(Film())
    async with session(client, parts(stream_webrtc_timeout_s=1), data_output=["*"]) as task:
        await asyncio.wait([task], timeout=20)
        assert task.done()
        await until(lambda: any(one["processing_complete"] for one in client.messages), 5)
    leaving = Client()
    leaving.peer.addTrack(Film())
    async with session(leaving, parts(), data_output=["*"]) as task:
        await until(lambda: len(leaving.messages) > 2, 20)
        await leaving.peer.close()
        await asyncio.wait([task], timeout=20)
        assert task.done()
