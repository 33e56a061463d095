"""Video files on the machine of the stream service."""

from __future__ import annotations

from pathlib import Path

from typing_extensions import override

from shared.streams.spec import SourceSpec
from stream_service.decoding import Input, VideoSource
from stream_service.guard import check_path
from stream_service.settings import StreamSettings
from stream_service.source import SourceInfo, SourceType

# Containers that name no further files or addresses, as playlists do.
FORMATS = "mov,matroska,webm,avi,flv,mpegts,mpeg,mpegvideo,mjpeg,h264,hevc,asf,ogg,gif,ivf,m4v"


class FileSource(VideoSource):
    """A video file; the path is looked at when it is opened."""

    def __init__(self, spec: SourceSpec, settings: StreamSettings) -> None:
        options = {"protocol_whitelist": "file", "format_whitelist": FORMATS}
        super().__init__(spec, settings, Input(str(spec.reference).removeprefix("file://"), options, live=False))

    @override
    def open(self) -> SourceInfo:
        path = check_path(str(self._spec.reference), self._settings)
        self._input = Input(f"file:{path}", self._input.options, live=False)
        return super().open()


def accepts(reference: str | int) -> bool:
    """A path, or a file:// URL, that is no folder."""
    if not isinstance(reference, str) or reference.startswith("/dev/"):
        return False
    return reference.startswith("file://") or ("://" not in reference and not Path(reference).is_dir())


SOURCE = SourceType("file", accepts, FileSource, rank=9, shareable=lambda _: False, reconnects=False)
