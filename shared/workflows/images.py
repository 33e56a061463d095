"""Images in a workflow: pixels that are decoded when somebody looks at them, and where they lie in their root image.

Attribute names are those that Python blocks written for Roboflow's engine use.
"""

from __future__ import annotations

import base64
import threading
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from shared.decode import decode

Pixels: TypeAlias = npt.NDArray[np.uint8]
"""[H, W, 3] BGR, or [H, W] where a block made a grey image."""

MAX_PIXELS = 178_956_970
JPEG_QUALITY = 95


@dataclass(frozen=True)
class OriginCoordinatesSystem:
    """Where an image lies in another: its top left corner there, and the other's size, in pixels."""

    left_top_x: int
    left_top_y: int
    origin_width: int
    origin_height: int


@dataclass(frozen=True)
class ImageParentMetadata:
    """The image that a crop was cut from. Without coordinates it is the image itself."""

    parent_id: str
    origin_coordinates: OriginCoordinatesSystem | None = None


@dataclass(frozen=True)
class VideoMetadata:
    """Which video an image is a frame of."""

    video_identifier: str
    frame_number: int = 0
    frame_timestamp: datetime = field(default_factory=lambda: datetime.now(timezone.utc))
    fps: float | None = 30.0
    measured_fps: float | None = None
    comes_from_video_file: bool | None = None
    total_frames: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values; the time in ISO form."""
        return {**vars(self), "frame_timestamp": self.frame_timestamp.isoformat()}


class WorkflowImage:
    """An image, from encoded bytes or pixels. Never changed once made: blocks that draw make a new one."""

    def __init__(
        self,
        parent_metadata: ImageParentMetadata,
        *,
        pixels: Pixels | None = None,
        encoded: bytes | None = None,
        root: ImageParentMetadata | None = None,
        video: VideoMetadata | None = None,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        """``encoded`` is the content of an image file; with both, it is what ``pixels`` were decoded from."""
        if pixels is None and encoded is None:
            raise ValueError("an image has pixels or encoded bytes")
        self._pixels, self._encoded, self._max_pixels = pixels, encoded, max_pixels
        self._parent, self._root, self._video = parent_metadata, root or parent_metadata, video
        self._lock = threading.Lock()

    @classmethod
    def from_pixels(cls, pixels: Pixels, name: str = "image", video: VideoMetadata | None = None) -> WorkflowImage:
        """A root image of its own."""
        return cls(ImageParentMetadata(name), pixels=pixels, video=video)

    @property
    def pixels(self) -> Pixels:
        """The pixels; decodes once. Raises InvalidImage, ImageTooLarge."""
        with self._lock:
            if self._pixels is None:
                self._pixels = decode(self._encoded or b"", self._max_pixels)
            return self._pixels

    numpy_image = pixels

    @property
    def decoded(self) -> bool:
        """Whether the pixels are there already."""
        return self._pixels is not None

    @property
    def encoded(self) -> bytes:
        """The image as a file: the one that came in when it was not changed, JPEG otherwise."""
        return self._encoded if self._encoded is not None else self.jpeg()

    @property
    def original(self) -> bytes | None:
        """The bytes that came in, if this image is still that one."""
        return self._encoded

    @property
    def base64_image(self) -> str:
        """``encoded`` in base64."""
        return base64.b64encode(self.encoded).decode()

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        height, width = self.pixels.shape[:2]
        return int(width), int(height)

    @property
    def parent_metadata(self) -> ImageParentMetadata:
        """The image that this one was cut from; for a root image itself, with its size."""
        return self._placed(self._parent)

    @property
    def workflow_root_ancestor_metadata(self) -> ImageParentMetadata:
        """The input image that this one comes from."""
        return self._placed(self._root)

    @property
    def parent_id(self) -> str:
        """What its predictions carry as ``parent_id``."""
        return self._parent.parent_id

    @property
    def root_id(self) -> str:
        """Id of the input image that it comes from."""
        return self._root.parent_id

    @property
    def is_crop(self) -> bool:
        """Whether it was cut from another."""
        return self._parent.origin_coordinates is not None

    @property
    def video_metadata(self) -> VideoMetadata:
        """The frame's place in its video; an image that is of none is frame 0 of one of its own."""
        return self._video or VideoMetadata(self.parent_id)

    @property
    def has_video(self) -> bool:
        """Whether it is a frame of a video that somebody named."""
        return self._video is not None

    def jpeg(self, quality: int = JPEG_QUALITY) -> bytes:
        """The pixels as JPEG."""
        return bytes(cv2.imencode(".jpg", self.pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1])

    def bitmap(self) -> bytes:
        """The pixels as an uncompressed file."""
        return bytes(cv2.imencode(".bmp", self.pixels)[1])

    def replaced(self, pixels: Pixels) -> WorkflowImage:
        """The same place in the lineage with other pixels, as a visualisation makes."""
        return WorkflowImage(self._parent, pixels=pixels, root=self._root, video=self._video)

    def crop(self, x0: int, y0: int, x1: int, y1: int, crop_id: str, pixels: Pixels | None = None) -> WorkflowImage:
        """The part x0 <= x < x1, y0 <= y < y1, inside and not empty; ``crop_id`` becomes its parent id.

        ``pixels`` are those of the part where they differ from the image's own.
        """
        width, height = self.size
        origin = OriginCoordinatesSystem(x0, y0, width, height)
        root = self.workflow_root_ancestor_metadata
        at = root.origin_coordinates or origin
        moved = replace(at, left_top_x=at.left_top_x + x0, left_top_y=at.left_top_y + y0)
        part = self.pixels[y0:y1, x0:x1] if pixels is None else pixels
        parent = ImageParentMetadata(crop_id, origin)
        root = ImageParentMetadata(root.parent_id, moved)
        return WorkflowImage(parent, pixels=part, root=root, video=self._video)

    def _placed(self, metadata: ImageParentMetadata) -> ImageParentMetadata:
        if metadata.origin_coordinates is not None:
            return metadata
        width, height = self.size
        return replace(metadata, origin_coordinates=OriginCoordinatesSystem(0, 0, width, height))
