"""Each kind of source, read for real: files, folders, HTTP (file, HLS, MJPEG), MPEG-TS over UDP."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import av
import cv2
import pytest
from typing_extensions import override

from shared.errors import SourceError, SourceNotFound, SourceRefused, SourceUnreachable, SourceUnsupported
from shared.streams.spec import SourceSpec
from stream_service import decoding
from stream_service.settings import StreamSettings
from stream_service.source import Captured, Source, SourceInfo, kind_of, registry
from tests.cameras import film
from tests.redis_server import free_port

KINDS = registry()
FRAMES = 24


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("media")
    film.write(made / "film.mp4", pictures=FRAMES, size=(320, 180))
    film.write(made / "film.h264", pictures=FRAMES, size=(320, 180))
    film.write(made / "film.ts", pictures=FRAMES, size=(320, 180))
    with av.open(str(made / "list.m3u8"), "w", format="hls", options={"hls_time": "1", "hls_list_size": "0"}) as out:
        stream = out.add_stream("libx264", rate=15, options={"preset": "ultrafast", "g": "15"})
        stream.width, stream.height = 320, 180
        for number in range(FRAMES):
            frame = av.VideoFrame.from_ndarray(film.picture(number, 320, 180, FRAMES), format="bgr24")
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    (made / "live.m3u8").write_text((made / "list.m3u8").read_text().replace("#EXT-X-ENDLIST\n", ""))
    (made / "images").mkdir()
    for number in range(3):
        cv2.imwrite(str(made / "images" / f"{number}.png"), film.picture(number, 320, 180, FRAMES))
    (made / "images" / "broken.jpg").write_bytes(b"no image")
    (made / "notes.txt").write_text("no video")
    (made / "secrets.m3u8").write_text("#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n#EXT-X-ENDLIST\n")
    return made


@pytest.fixture
def settings(folder: Path) -> StreamSettings:
    return StreamSettings(stream_folders=(folder,), stream_allow_loopback=True)


def source(settings: StreamSettings, reference: str | int, **options: Any) -> Source:
    spec = SourceSpec(reference=reference, id="0", open_timeout_s=3.0, read_timeout_s=2.0, **options)
    return kind_of(reference, KINDS).make(spec, settings)


@contextlib.contextmanager
def opened(made: Source) -> Iterator[SourceInfo]:
    try:
        yield made.open()
    finally:
        made.close()


def rest(made: Source) -> list[Captured]:
    return list(iter(made.read, None))


@contextlib.contextmanager
def http(handler: Any) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Quiet(SimpleHTTPRequestHandler):
    @override
    def log_message(self, format: str, *args: Any) -> None:
        pass


class Mjpeg(BaseHTTPRequestHandler):
    """A camera of the simplest kind."""

    @override
    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            for number in range(200):
                jpeg = cv2.imencode(".jpg", film.picture(number, 320, 180, FRAMES))[1].tobytes()
                self.wfile.write(b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg))
                self.wfile.write(jpeg + b"\r\n")
                time.sleep(0.02)


def test_a_file_to_its_last_frame(settings: StreamSettings, folder: Path) -> None:
    made = source(settings, str(folder / "film.mp4"))
    with opened(made) as info:
        frames = rest(made)
    assert (info.live, info.ends, info.total_frames, info.width) == (False, True, FRAMES, 320)
    assert [film.number_of(one.picture.bgr()) for one in frames] == list(range(FRAMES))
    times = [one.pts_s for one in frames]
    assert times == pytest.approx([number / 15 for number in range(FRAMES)], abs=1e-3)


def test_a_file_in_a_loop_goes_on_counting_time(settings: StreamSettings, folder: Path) -> None:
    made = source(settings, str(folder / "film.mp4"), loop=True)
    with opened(made) as info:
        frames = [made.read() for _ in range(FRAMES * 2 + 5)]
    assert not info.ends
    times = [one.pts_s or 0.0 for one in frames if one]
    assert times == sorted(times)
    assert len(set(times)) == FRAMES * 2 + 5


def test_a_file_that_is_too_long(settings: StreamSettings, folder: Path) -> None:
    short = settings.model_copy(update={"max_video_s": 0.5})
    with pytest.raises(SourceError, match="VISIONFLEET_MAX_VIDEO_S"):
        source(short, str(folder / "film.mp4")).open()
    # One whose head tells no duration is read until its frames tell.
    made = source(short, str(folder / "film.h264"))
    with opened(made), pytest.raises(SourceError, match="VISIONFLEET_MAX_VIDEO_S"):
        rest(made)


def test_frames_of_too_many_pixels(settings: StreamSettings, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "MOST_PIXELS", 320 * 180 - 1)
    with pytest.raises(SourceUnsupported, match="pixels"):
        source(settings, str(folder / "film.mp4")).open()


def test_a_folder_passes_over_what_is_no_image(settings: StreamSettings, folder: Path) -> None:
    made = source(settings, str(folder / "images"))
    with opened(made) as info:
        assert [film.number_of(one.picture.bgr()) for one in rest(made)] == [0, 1, 2]
    assert (info.live, info.ends) == (False, True)


@pytest.mark.parametrize("name", ["film.mp4", "list.m3u8"])
def test_video_over_http_is_a_file(settings: StreamSettings, folder: Path, name: str) -> None:
    with http(partial(Quiet, directory=str(folder))) as url:
        made = source(settings, f"{url}/{name}")
        with opened(made) as info:
            assert (info.live, info.ends) == (False, True)
            assert len(rest(made)) == FRAMES


def test_a_playlist_that_may_go_on_is_live(settings: StreamSettings, folder: Path) -> None:
    with http(partial(Quiet, directory=str(folder))) as url:
        made = source(settings, f"{url}/live.m3u8")
        with opened(made) as info:
            assert (info.live, info.ends, info.width) == (True, False, 320)
            numbers = [film.number_of(one.picture.bgr()) for one in (made.read() for _ in range(5)) if one]
    assert numbers == list(range(numbers[0], numbers[0] + 5))


def test_mjpeg_over_http_is_live(settings: StreamSettings) -> None:
    with http(Mjpeg) as url:
        made = source(settings, f"{url}/video")
        with opened(made) as info:
            assert (info.live, info.ends) == (True, False)
            assert all(made.read() for _ in range(5))


def test_mpegts_over_udp(settings: StreamSettings, folder: Path) -> None:
    port, stop = free_port(), threading.Event()

    def send() -> None:
        while not stop.is_set():
            with (
                av.open(str(folder / "film.ts")) as given,
                av.open(f"udp://127.0.0.1:{port}?pkt_size=1316", "w", format="mpegts") as out,
            ):
                stream = out.add_stream_from_template(given.streams.video[0])
                for packet in given.demux(given.streams.video[0]):
                    if packet.dts is not None and not stop.is_set():
                        packet.stream = stream
                        out.mux(packet)
                        time.sleep(0.02)

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    made = source(settings, f"udp://127.0.0.1:{port}")
    try:
        with opened(made) as info:
            assert (info.live, info.ends, info.width) == (True, False, 320)
            assert all(made.read() for _ in range(10))
    finally:
        stop.set()
        sender.join(5)


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("nothing.mp4", SourceNotFound),
        ("notes.txt", SourceUnsupported),
        ("secrets.m3u8", SourceUnsupported),
        ("/etc/passwd", SourceRefused),
        ("../../etc/passwd", SourceRefused),
    ],
)
def test_what_is_wrong_with_a_path(settings: StreamSettings, folder: Path, name: str, error: type[SourceError]) -> None:
    made = source(settings, str(folder / name))
    with pytest.raises(error), opened(made):
        pass


def test_a_playlist_cannot_lead_to_files_of_the_server(settings: StreamSettings, folder: Path) -> None:
    with http(partial(Quiet, directory=str(folder))) as url:
        made = source(settings, f"{url}/secrets.m3u8")
        with pytest.raises(SourceError), opened(made):
            made.read()


def test_http_errors_are_typed(settings: StreamSettings, folder: Path) -> None:
    with http(partial(Quiet, directory=str(folder))) as url:
        for path, error in (("nothing.mp4", SourceNotFound), ("notes.txt", SourceUnsupported)):
            with pytest.raises(error), opened(source(settings, f"{url}/{path}")):
                pass
    with pytest.raises(SourceUnreachable), opened(source(settings, f"{url}/film.mp4")):
        pass


def test_devices_are_closed_by_default(settings: StreamSettings) -> None:
    with pytest.raises(SourceRefused), opened(source(settings, 0)):
        pass
    allowed = settings.model_copy(update={"stream_devices": True})
    with pytest.raises(SourceNotFound), opened(source(allowed, 99)):
        pass


@pytest.mark.parametrize(
    ("reference", "kind"),
    [
        ("rtsp://cam/1", "rtsp"),
        ("RTSPS://cam/1", "rtsp"),
        ("https://cam/x.m3u8", "http"),
        ("udp://0.0.0.0:5000", "udp"),
        ("srt://host:9", "udp"),
        (0, "device"),
        ("/dev/video2", "device"),
        ("film.mp4", "file"),
        ("file:///data/film.mp4", "file"),
        ("/tmp", "folder"),
    ],
)
def test_kinds(reference: str | int, kind: str) -> None:
    assert kind_of(reference, KINDS).name == kind
