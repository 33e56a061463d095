"""A film of moving shapes that the demo detector knows, each picture carrying its number as a bar code."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from tests.cameras.barcode import BITS, bar, number_of

__all__ = ["encoded", "encoder", "number_of", "picture", "write"]

GREY = (96, 104, 100)
SHAPES = {"circle": (40, 60, 220), "square": (210, 160, 30), "triangle": (40, 200, 240)}


def picture(number: int, width: int, height: int, of: int) -> np.ndarray:
    """BGR uint8 [height,width,3]: three shapes moving from side to side, once in ``of`` pictures."""
    image = np.full((height, width, 3), GREY, np.uint8)
    radius = height // 9
    swing = (1 - np.cos(2 * np.pi * number / of)) / 2
    x = int(radius * 1.5 + swing * (width - 3 * radius))
    for row, (name, colour) in enumerate(SHAPES.items()):
        y = int(height * (0.28 + 0.27 * row))
        at = x if row % 2 == 0 else width - x
        if name == "circle":
            cv2.circle(image, (at, y), radius, colour, -1, cv2.LINE_AA)
        elif name == "square":
            cv2.rectangle(image, (at - radius, y - radius), (at + radius, y + radius), colour, -1)
        else:
            corners = np.array([(at, y - radius), (at + radius, y + radius), (at - radius, y + radius)])
            cv2.fillPoly(image, [corners], colour, cv2.LINE_AA)
    wide, high = bar(width)
    for bit in range(BITS):
        image[:high, bit * wide : (bit + 1) * wide] = 255 if number >> bit & 1 else 0
    return image


def encoder(width: int, height: int, fps: int) -> av.VideoCodecContext:
    """H.264 as cameras send it: no B-frames, a key frame each second, headers before each of them."""
    codec = av.CodecContext.create("libx264", "w")
    assert isinstance(codec, av.VideoCodecContext)
    codec.width, codec.height, codec.pix_fmt = width, height, "yuv420p"
    codec.time_base, codec.framerate = Fraction(1, fps), Fraction(fps)
    codec.gop_size = fps
    codec.options = {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "profile": "baseline",
        "crf": "23",
        "x264-params": f"repeat-headers=1:keyint={fps}:scenecut=0",
    }
    return codec


def encoded(width: int, height: int, fps: int, pictures: int) -> list[bytes]:
    """The film once, one Annex-B access unit per picture; played in a loop it decodes without a seam."""
    codec = encoder(width, height, fps)
    units = []
    for number in range(pictures):
        frame = av.VideoFrame.from_ndarray(picture(number, width, height, pictures), format="bgr24")
        frame = frame.reformat(format="yuv420p")
        frame.pts, frame.time_base = number, codec.time_base
        units += [bytes(packet) for packet in codec.encode(frame)]
    return units + [bytes(packet) for packet in codec.encode(None)]


def write(path: Path, pictures: int, size: tuple[int, int] = (640, 360), fps: int = 15, gop: int = 250) -> Path:
    """The film as a video file with a key frame every ``gop`` pictures; the suffix names the container."""
    width, height = size
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=fps, options={"preset": "ultrafast", "crf": "18", "g": str(gop)})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(pictures):
            frame = av.VideoFrame.from_ndarray(picture(number, width, height, pictures), format="bgr24")
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path
