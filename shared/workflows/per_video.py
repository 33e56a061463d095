"""What a block remembers of each video: an LRU, because crops without a video count as videos of their own."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from shared.workflows.images import VideoMetadata

T = TypeVar("T")

MOST_VIDEOS = 256


class PerVideo(Generic[T]):
    """One ``T`` per video; that of the video seen longest ago makes room for a new one."""

    def __init__(self, make: Callable[[], T], most: int = MOST_VIDEOS) -> None:
        self._make, self._most = make, most
        self._of: OrderedDict[str, T] = OrderedDict()

    def of(self, video: VideoMetadata, make: Callable[[], T] | None = None) -> T:
        """The video's memory; begun with ``make``, or as the constructor was told, when it is new."""
        name = video.video_identifier
        if name not in self._of:
            self._of[name] = (make or self._make)()
        self._of.move_to_end(name)
        while len(self._of) > self._most:
            self._of.popitem(last=False)
        return self._of[name]

    def __len__(self) -> int:
        return len(self._of)
